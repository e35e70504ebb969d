//! The rANS 4x8 entropy coder of CRAM 3.0 (CRAM codecs, section 2), encoding only.
//!
//! Integer arithmetic throughout: the same bytes give the same code on every machine.

const STATES: usize = 4;
const LOW: u32 = 1 << 23;
/// What the frequencies of a context add up to; 4,096 would overflow some decoders.
const TOTAL: u32 = 4095;

/// Encodes bytes, each by the frequency of its value.
pub(super) fn order_0(bytes: &[u8]) -> Vec<u8> {
    let mut counts = [0u32; 256];
    for &byte in bytes {
        counts[byte as usize] += 1;
    }
    let frequencies = normalise(&counts);
    let starts = cumulate(&frequencies);
    let mut coder = Coder::new(bytes.len());
    for (at, &byte) in bytes.iter().enumerate().rev() {
        let symbol = byte as usize;
        coder.put(at % STATES, frequencies[symbol], starts[symbol]);
    }
    let mut table = Vec::new();
    put_frequencies(&mut table, &frequencies);
    coder.finish(0, bytes.len(), &table)
}

/// Encodes bytes, each by the frequency of its value after the byte before it. Needs four bytes.
pub(super) fn order_1(bytes: &[u8]) -> Vec<u8> {
    let quarter = bytes.len() / STATES;
    let context = |at: usize| -> usize {
        let begins = at.is_multiple_of(quarter) && at / quarter < STATES;
        if begins { 0 } else { bytes[at - 1] as usize }
    };
    let mut counts = vec![[0u32; 256]; 256];
    let mut previous = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if at.is_multiple_of(quarter) && at / quarter < STATES {
            previous = 0;
        }
        counts[previous][byte as usize] += 1;
        previous = byte as usize;
    }
    let frequencies: Vec<[u16; 256]> = counts.iter().map(normalise).collect();
    let starts: Vec<[u16; 256]> = frequencies.iter().map(cumulate).collect();
    let mut coder = Coder::new(bytes.len());
    let mut put = |state: usize, at: usize| {
        let (context, symbol) = (context(at), bytes[at] as usize);
        coder.put(state, frequencies[context][symbol], starts[context][symbol]);
    };
    for at in (STATES * quarter..bytes.len()).rev() {
        put(STATES - 1, at);
    }
    for at in (0..quarter).rev() {
        for state in (0..STATES).rev() {
            put(state, state * quarter + at);
        }
    }
    let mut table = Vec::new();
    let used = |context: usize| counts[context].iter().any(|&count| count > 0);
    for_each_run(used, |context, run| {
        table.push_run(context, run);
        put_frequencies(&mut table, &frequencies[context]);
    });
    table.push(0);
    coder.finish(1, bytes.len(), &table)
}

struct Coder {
    states: [u32; STATES],
    /// The code, last byte first.
    backwards: Vec<u8>,
}

impl Coder {
    fn new(size: usize) -> Self {
        Self {
            states: [LOW; STATES],
            backwards: Vec::with_capacity(size / 2 + 64),
        }
    }

    #[inline]
    fn put(&mut self, state: usize, frequency: u16, start: u16) {
        let frequency = u32::from(frequency);
        let mut x = self.states[state];
        while x >= (LOW >> 4) * frequency {
            self.backwards.push(x as u8);
            x >>= 8;
        }
        self.states[state] = ((x / frequency) << 12) + x % frequency + u32::from(start);
    }

    fn finish(self, order: u8, raw_size: usize, table: &[u8]) -> Vec<u8> {
        let size = table.len() + 4 * STATES + self.backwards.len();
        let mut code = Vec::with_capacity(9 + size);
        code.push(order);
        code.extend_from_slice(&(size as u32).to_le_bytes());
        code.extend_from_slice(&(raw_size as u32).to_le_bytes());
        code.extend_from_slice(table);
        for state in self.states {
            code.extend_from_slice(&state.to_le_bytes());
        }
        code.extend(self.backwards.iter().rev());
        code
    }
}

/// Scales counts to frequencies of sum [`TOTAL`], at least 1 for what occurs.
fn normalise(counts: &[u32; 256]) -> [u16; 256] {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let mut frequencies = [0u16; 256];
    if total == 0 {
        return frequencies;
    }
    let mut sum = 0;
    for (frequency, &count) in frequencies.iter_mut().zip(counts) {
        if count > 0 {
            *frequency = (u64::from(count) * u64::from(TOTAL) / total).max(1) as u16;
            sum += u32::from(*frequency);
        }
    }
    while sum != TOTAL {
        // The first of the most frequent symbols gives or takes the difference.
        let most = frequencies.iter().copied().max().unwrap_or(0);
        let at = frequencies
            .iter()
            .position(|&other| other == most)
            .unwrap_or(0);
        if sum < TOTAL {
            frequencies[at] += (TOTAL - sum) as u16;
            sum = TOTAL;
        } else {
            let less = (sum - TOTAL).min(u32::from(most) / 2);
            frequencies[at] -= less as u16;
            sum -= less;
        }
    }
    frequencies
}

fn cumulate(frequencies: &[u16; 256]) -> [u16; 256] {
    let mut sum = 0;
    frequencies.map(|frequency| {
        let start = sum;
        sum += frequency;
        start
    })
}

/// Calls `write(symbol, run)` for every symbol in use. `run` tells whether the symbol's number is written
/// and, after it, how many more follow without theirs.
fn for_each_run(used: impl Fn(usize) -> bool, mut write: impl FnMut(usize, Run)) {
    let mut left = 0;
    for symbol in (0..256).filter(|&symbol| used(symbol)) {
        if left > 0 {
            left -= 1;
            write(symbol, Run::Inside);
        } else if symbol > 0 && used(symbol - 1) {
            left = (symbol + 1..256).take_while(|&next| used(next)).count();
            write(symbol, Run::Begins(left as u8));
        } else {
            write(symbol, Run::Alone);
        }
    }
}

#[derive(Clone, Copy)]
enum Run {
    Alone,
    Begins(u8),
    Inside,
}

trait PushRun {
    fn push_run(&mut self, symbol: usize, run: Run);
}

impl PushRun for Vec<u8> {
    fn push_run(&mut self, symbol: usize, run: Run) {
        match run {
            Run::Alone => self.push(symbol as u8),
            Run::Begins(more) => self.extend_from_slice(&[symbol as u8, more]),
            Run::Inside => {}
        }
    }
}

fn put_frequencies(table: &mut Vec<u8>, frequencies: &[u16; 256]) {
    for_each_run(
        |symbol| frequencies[symbol] > 0,
        |symbol, run| {
            table.push_run(symbol, run);
            let frequency = frequencies[symbol];
            if frequency >= 128 {
                table.push(128 | (frequency >> 8) as u8);
            }
            table.push(frequency as u8);
        },
    );
    table.push(0);
}
