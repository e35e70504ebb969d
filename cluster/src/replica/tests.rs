//! Replicas on a seeded network that loses, doubles, delays and partitions, with replicas that crash
//! and restart, come and go. Without threads or clocks: the same seed is the same run.

mod election;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use protobuf::Message as _;
use raft::eraftpb::{Entry, HardState, Message, Snapshot};
use tokio::sync::oneshot;

use crate::change::{Change, ChangeError};
use crate::config::Config;
use crate::error::{ProposeError, ReadError};
use crate::event::{Proposal, Reader, Waiter};
use crate::machine::{RestoreError, StateMachine, UnknownCommand};
use crate::replica::{Disk, Replica};
use crate::status::Role;
use crate::store::memory::MemoryLog;
use crate::store::{LogStore, StoreError, StoredState};

/// Remembers numbers; its outcome is the position of the number.
#[derive(Debug, Default)]
struct Numbers(Vec<u64>);

impl StateMachine for Numbers {
    type Outcome = usize;

    fn apply(&mut self, _: u64, _: u32, command: &[u8]) -> Result<usize, UnknownCommand> {
        self.0
            .push(u64::from_le_bytes(command[..8].try_into().unwrap()));
        Ok(self.0.len() - 1)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        self.0 = snapshot
            .as_chunks::<8>()
            .0
            .iter()
            .map(|n| u64::from_le_bytes(*n))
            .collect();
        Ok(())
    }
}

/// A log that outlives the replica, as a disk does.
#[derive(Clone)]
struct Kept(Arc<Mutex<MemoryLog>>);

impl LogStore for Kept {
    fn state(&self) -> Result<StoredState, StoreError> {
        self.0.lock().unwrap().state()
    }
    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, StoreError> {
        self.0.lock().unwrap().entries(low, high, bytes_max)
    }
    fn term(&self, index: u64) -> Result<Option<u64>, StoreError> {
        self.0.lock().unwrap().term(index)
    }
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        self.0.lock().unwrap().snapshot()
    }
    fn append(&mut self, hard: Option<&HardState>, entries: &[Entry]) -> Result<(), StoreError> {
        self.0.lock().unwrap().append(hard, entries)
    }
    fn compact(&mut self, s: &Snapshot, hard: &HardState, first: u64) -> Result<(), StoreError> {
        self.0.lock().unwrap().compact(s, hard, first)
    }
    fn install(&mut self, snapshot: &Snapshot, hard: &HardState) -> Result<(), StoreError> {
        self.0.lock().unwrap().install(snapshot, hard)
    }
    fn bytes(&self) -> u64 {
        self.0.lock().unwrap().bytes()
    }
}

/// SplitMix64: enough to choose faults.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

type Outcome = oneshot::Receiver<Result<usize, ProposeError>>;

struct WaitingRead {
    node: u64,
    /// Acknowledged before the read began.
    must_see: BTreeSet<u64>,
    confirmed: oneshot::Receiver<Result<(), ReadError>>,
}

struct World {
    chance: Chance,
    logs: BTreeMap<u64, Kept>,
    replicas: BTreeMap<u64, Replica<Numbers, Kept>>,
    boots: u64,
    network: Vec<(u64, Message)>,
    isolated: u64,
    faults: bool,
    /// Whether members come and go.
    moves: bool,
    changes: Vec<oneshot::Receiver<Result<(), ChangeError>>>,
    changes_made: usize,
    now: u64,
    next_command: u64,
    proposed: Vec<(u64, Outcome)>,
    reads: Vec<WaitingRead>,
    acknowledged: BTreeMap<u64, usize>,
    reads_served: usize,
    snapshots_installed: usize,
    trace: crc32fast::Hasher,
}

impl World {
    fn new(seed: u64, moves: bool) -> Self {
        let log = || Kept(Arc::new(Mutex::new(MemoryLog::new(vec![1, 2, 3]))));
        let mut world = Self {
            chance: Chance(seed),
            logs: (1..=3).map(|id| (id, log())).collect(),
            replicas: BTreeMap::new(),
            boots: 0,
            network: Vec::new(),
            isolated: 0,
            faults: true,
            moves,
            changes: Vec::new(),
            changes_made: 0,
            now: 0,
            next_command: 0,
            proposed: Vec::new(),
            reads: Vec::new(),
            acknowledged: BTreeMap::new(),
            reads_served: 0,
            snapshots_installed: 0,
            trace: crc32fast::Hasher::new(),
        };
        (1..=3).for_each(|id| world.boot(id));
        world
    }

    fn boot(&mut self, id: u64) {
        self.boots += 1;
        let founders = if id <= 3 { 1..=3 } else { id..=id };
        let config = Config {
            peers: founders.map(|id| (id, address(id))).collect(),
            join: id > 3,
            snapshot_every: 20,
            ..Config::new(id, "")
        };
        let disk = Disk {
            log: self.logs[&id].clone(),
            boot: self.boots,
            audit: None,
        };
        let replica = Replica::new(config, disk, Numbers::default(), Arc::default()).unwrap();
        self.replicas.insert(id, replica);
    }

    fn step(&mut self) {
        self.now += 1;
        self.fault();
        if self.moves {
            self.change_members();
        }
        self.deliver();
        let ids: Vec<u64> = self.replicas.keys().copied().collect();
        for id in ids {
            self.work(id);
        }
        self.collect();
        self.check();
    }

    fn fault(&mut self) {
        if !self.faults {
            self.isolated = 0;
            let down = |id: &u64| !self.replicas.contains_key(id);
            let down: Vec<u64> = self.logs.keys().copied().filter(down).collect();
            down.into_iter().for_each(|id| self.boot(id));
            return;
        }
        let nodes = self.logs.len() as u64;
        match self.chance.below(300) {
            0..=1 => self.isolated = self.chance.below(nodes + 1),
            2 => self.isolated = 0,
            3 => {
                let id = 1 + self.chance.below(nodes);
                if let Some(replica) = self.replicas.remove(&id) {
                    let installed = &replica.counters.snapshots_installed;
                    self.snapshots_installed +=
                        installed.load(std::sync::atomic::Ordering::Relaxed) as usize;
                }
            }
            4..=6 => {
                let id = 1 + self.chance.below(nodes);
                if !self.replicas.contains_key(&id) {
                    self.boot(id);
                }
            }
            _ => {}
        }
    }

    /// Asks whoever leads for a change; ids are 1, 2, … without a gap.
    fn change_members(&mut self) {
        self.changes.retain_mut(|change| match change.try_recv() {
            Ok(made) => {
                self.changes_made += usize::from(made.is_ok());
                false
            }
            Err(error) => error == oneshot::error::TryRecvError::Empty,
        });
        if !self.faults || self.chance.below(40) != 0 {
            return;
        }
        let statuses = self.replicas.iter().map(|(id, r)| (*id, r.status()));
        let leaders = statuses.filter(|(_, status)| status.role == Role::Leader);
        let Some((leader, status)) = leaders.max_by_key(|(_, status)| status.term) else {
            return;
        };
        let members: Vec<u64> = status.peers.keys().copied().collect();
        let any = members[self.chance.below(members.len() as u64) as usize];
        let learner = status.learners.first().copied().unwrap_or(any);
        let (reply, answer) = oneshot::channel();
        let replica = self.replicas.get_mut(&leader).unwrap();
        match self.chance.below(8) {
            0..=1 if self.logs.len() < 9 => {
                let id = self.logs.len() as u64 + 1;
                let add = Change::AddLearner {
                    id,
                    address: address(id),
                };
                let log = Kept(Arc::new(Mutex::new(MemoryLog::new(Vec::new()))));
                replica.change(&add, String::new(), reply);
                self.logs.insert(id, log);
                self.boot(id);
            }
            2..=3 => replica.change(&Change::Promote { id: learner }, String::new(), reply),
            4 if members.len() > 3 => {
                replica.change(&Change::Remove { id: any }, String::new(), reply)
            }
            5 if members.len() > 3 => replica.change(
                &Change::Replace {
                    old: any,
                    new: learner,
                },
                String::new(),
                reply,
            ),
            6 => replica.transfer(any, reply),
            _ => return,
        }
        self.changes.push(answer);
    }

    fn deliver(&mut self) {
        for (due, message) in std::mem::take(&mut self.network) {
            let cut = [message.from, message.to].contains(&self.isolated);
            if due > self.now {
                self.network.push((due, message));
            } else if !cut && let Some(replica) = self.replicas.get_mut(&message.to) {
                replica.receive(message);
            }
        }
    }

    fn work(&mut self, id: u64) {
        if self.chance.below(3) == 0 {
            let replica = self.replicas.get_mut(&id).unwrap();
            replica.tick();
            replica.tell_commit();
        }
        let replica = self.replicas.get_mut(&id).unwrap();
        if replica.waits_for_others() {
            // They do not come in time.
            replica.gathers();
            replica.propose(Vec::new());
        }
        if self.chance.below(4) == 0 {
            let mut proposals = Vec::new();
            for _ in 0..self.chance.below(4) {
                let (reply, outcome) = oneshot::channel();
                let command = self.next_command.to_le_bytes().to_vec();
                self.proposed.push((self.next_command, outcome));
                self.next_command += 1;
                let permit = None;
                let waiter = Waiter { reply, permit };
                proposals.push(Proposal { command, waiter });
            }
            self.replicas.get_mut(&id).unwrap().propose(proposals);
        }
        if self.chance.below(10) == 0 {
            let (reply, confirmed) = oneshot::channel();
            self.reads.push(WaitingRead {
                node: id,
                must_see: self.acknowledged.keys().copied().collect(),
                confirmed,
            });
            let reader = Reader {
                reply,
                permit: None,
            };
            self.replicas.get_mut(&id).unwrap().read(vec![reader]);
        }
        let mut sent = Vec::new();
        let replica = self.replicas.get_mut(&id).unwrap();
        replica.settle(&mut |message| sent.push(message)).unwrap();
        if let Some(reply) = replica.take_changed() {
            // Who asked may have forgotten it.
            let _ = reply.send(Ok(()));
        }
        for message in sent {
            self.trace.update(&message.write_to_bytes().unwrap());
            if message.get_msg_type() == raft::eraftpb::MessageType::MsgSnapshot {
                let done = self.chance.below(4) != 0;
                let replica = self.replicas.get_mut(&id).unwrap();
                replica.snapshot_sent(message.to, done);
            }
            let copies = match self.chance.below(if self.faults { 20 } else { 1 }) {
                1 => 0,
                2 => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let due = self.now + 1 + self.chance.below(6);
                self.network.push((due, message.clone()));
            }
        }
    }

    /// Takes in outcomes and confirmed reads.
    fn collect(&mut self) {
        let Self {
            proposed,
            acknowledged,
            ..
        } = self;
        proposed.retain_mut(|(number, outcome)| match outcome.try_recv() {
            Ok(Ok(position)) => {
                acknowledged.insert(*number, position);
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            _ => false,
        });
        let mut reads = std::mem::take(&mut self.reads);
        reads.retain_mut(|read| match read.confirmed.try_recv() {
            Ok(Ok(())) => {
                let shared = self.replicas[&read.node].shared();
                let shared = shared.read().unwrap();
                let seen: BTreeSet<u64> = shared.machine.0.iter().copied().collect();
                assert!(
                    read.must_see.is_subset(&seen),
                    "a confirmed read on node {} misses what was acknowledged before it",
                    read.node
                );
                self.reads_served += 1;
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            _ => false,
        });
        self.reads = reads;
    }

    /// One history: every replica holds a prefix of it, every outcome is its place in it, no
    /// command is there twice, and a term has one leader.
    fn check(&self) {
        let journals: Vec<Vec<u64>> = self
            .replicas
            .values()
            .map(|replica| replica.shared().read().unwrap().machine.0.clone())
            .collect();
        let longest = journals.iter().max_by_key(|j| j.len());
        let Some(longest) = longest else { return };
        for journal in &journals {
            assert!(longest.starts_with(journal), "the replicas differ");
        }
        for (number, position) in &self.acknowledged {
            if let Some(found) = longest.get(*position) {
                assert_eq!(found, number, "an acknowledged command was replaced");
            }
        }
        let unique: BTreeSet<&u64> = longest.iter().collect();
        assert_eq!(unique.len(), longest.len(), "a command was applied twice");
        self.check_matches();
        let mut heads = BTreeMap::new();
        for replica in self.replicas.values() {
            let shared = replica.shared();
            let shared = shared.read().unwrap();
            let head = heads.entry(shared.index).or_insert(shared.head);
            assert_eq!(*head, shared.head, "the audit logs differ");
        }
        let mut leaders = BTreeSet::new();
        for replica in self.replicas.values() {
            let status = replica.status();
            if status.role == Role::Leader {
                assert!(leaders.insert(status.term), "two leaders of one term");
            }
        }
    }

    /// A leader never believes that a follower holds more than it holds.
    fn check_matches(&self) {
        let statuses = self.replicas.values().map(Replica::status);
        let newest = statuses.max_by_key(|status| (status.term, status.role == Role::Leader));
        for (id, matched) in newest.into_iter().flat_map(|status| status.match_index) {
            let last = self.logs[&id].state().unwrap().last_index;
            assert!(
                matched <= last,
                "node {id} holds {last} entries, not {matched}"
            );
        }
    }

    /// Heals everything and waits until all agree on all that was acknowledged.
    fn heal(&mut self) {
        self.faults = false;
        let target = self.acknowledged.values().max().map_or(0, |last| last + 1);
        for _ in 0..20_000 {
            self.step();
            let statuses = self.replicas.values().map(Replica::status);
            let leader = statuses
                .filter(|status| status.leads() && !status.joint)
                .max_by_key(|status| status.term);
            let caught_up = |id: &u64| {
                let replica = &self.replicas[id];
                replica.shared().read().unwrap().machine.0.len() >= target
            };
            if leader.is_some_and(|leader| leader.peers.keys().all(caught_up)) {
                return;
            }
        }
        panic!("healthy nodes did not catch up");
    }
}

/// A node that joined kept the election timeout of a stranger until it restarted, which could be that of a
/// founder: the two split votes. Node 4 had that of node 1.
#[test]
fn a_node_that_joined_campaigns_at_a_time_of_its_own() {
    let mut world = World::new(1, false);
    world.faults = false;
    let change = |world: &mut World, change: Change| {
        for _ in 0..10_000 {
            world.step();
            let leader = world.replicas.values_mut().find(|r| r.status().leads());
            let (reply, mut made) = oneshot::channel();
            if let Some(leader) = leader {
                leader.change(&change, String::new(), reply);
            }
            for _ in 0..500 {
                world.step();
                if matches!(made.try_recv(), Ok(Ok(()))) {
                    return;
                }
            }
        }
        panic!("{change:?} is not made");
    };
    world
        .logs
        .insert(4, Kept(Arc::new(Mutex::new(MemoryLog::new(Vec::new())))));
    world.boot(4);
    let address = address(4);
    change(&mut world, Change::AddLearner { id: 4, address });
    change(&mut world, Change::Promote { id: 4 });
    for _ in 0..500 {
        world.step();
    }
    let timeouts = |world: &World| {
        let replicas = world.replicas.values();
        let timeouts = replicas.map(|replica| replica.raw.raft.randomized_election_timeout());
        timeouts.collect::<Vec<_>>()
    };
    assert_eq!(timeouts(&world), [10, 12, 14, 16]);
    let leader = world.replicas.values().find(|r| r.status().leads());
    let leader = leader.map_or(0, |leader| leader.status().id);
    let id = if leader == 1 { 2 } else { 1 };
    change(&mut world, Change::Remove { id });
    world.replicas.remove(&id);
    world.logs.remove(&id);
    for _ in 0..500 {
        world.step();
    }
    assert_eq!(timeouts(&world), [10, 13, 16], "as of three voters");
    // Whoever has left is not dialled, though the configuration file still names it.
    let routes = world.replicas.get_mut(&leader).unwrap().take_routes();
    let routes: Vec<u64> = routes.unwrap().into_keys().collect();
    assert_eq!(routes.len(), 2, "{routes:?}");
    assert!(!routes.contains(&id));
}

/// Delivers at once until nobody has anything to say.
fn exchange(replicas: &mut BTreeMap<u64, Replica<Numbers, Kept>>) {
    loop {
        let mut sent = Vec::new();
        for replica in replicas.values_mut() {
            replica.settle(&mut |message| sent.push(message)).unwrap();
        }
        if sent.is_empty() {
            return;
        }
        for message in sent {
            replicas.get_mut(&message.to).unwrap().receive(message);
        }
    }
}

/// Three nodes of which the first leads.
fn led_by_the_first() -> World {
    let mut world = World::new(3, false);
    let replicas = &mut world.replicas;
    while !replicas[&1].status().leads() {
        replicas.get_mut(&1).unwrap().tick();
        exchange(replicas);
    }
    world
}

/// An entry costs each node a write, messages and wake-ups, however little it carries.
#[test]
fn what_comes_while_an_entry_is_under_way_shares_the_next() {
    let mut world = led_by_the_first();
    let replicas = &mut world.replicas;
    let propose = |leader: &mut Replica<Numbers, Kept>, number: u64| {
        let (reply, outcome) = oneshot::channel();
        let command = number.to_le_bytes().to_vec();
        let permit = None;
        let waiter = Waiter { reply, permit };
        leader.propose(vec![Proposal { command, waiter }]);
        outcome
    };
    let last = |leader: &Replica<Numbers, Kept>| leader.raw.raft.raft_log.last_index();
    let applied = |replicas: &BTreeMap<u64, Replica<Numbers, Kept>>, id: u64| {
        let shared = replicas[&id].shared();
        shared.read().unwrap().machine.0.clone()
    };
    let leader = replicas.get_mut(&1).unwrap();
    let begun = last(leader);
    let mut outcomes = [7, 8, 9].map(|number| propose(leader, number));
    assert_eq!(last(leader), begun + 1, "two wait");
    exchange(replicas);
    assert_eq!(last(&replicas[&1]), begun + 2, "they go together");
    let places = outcomes.each_mut().map(|outcome| outcome.try_recv());
    assert!(
        matches!(places, [Ok(Ok(0)), Ok(Ok(1)), Ok(Ok(2))]),
        "{places:?}"
    );
    assert_eq!(applied(replicas, 2), [7], "told with the second entry");
    replicas.get_mut(&1).unwrap().tell_commit();
    exchange(replicas);
    assert_eq!(applied(replicas, 2), [7, 8, 9]);
    let leader = replicas.get_mut(&1).unwrap();
    let mut outcomes = [10, 11].map(|number| propose(leader, number));
    let mut of_next_term = Message {
        from: 2,
        to: 1,
        term: leader.raw.raft.term + 1,
        ..Message::default()
    };
    of_next_term.set_msg_type(raft::eraftpb::MessageType::MsgHeartbeat);
    leader.receive(of_next_term);
    let fates = outcomes.each_mut().map(|outcome| outcome.try_recv());
    assert!(
        matches!(
            fates,
            [
                Ok(Err(ProposeError::Lost)),
                Ok(Err(ProposeError::NotLeader { .. }))
            ]
        ),
        "what is in an entry may be applied, what is in none is not: {fates:?}"
    );
}

/// Those whose proposals were answered propose again, and what came meanwhile waits for them.
#[test]
fn what_came_meanwhile_goes_with_those_who_were_just_answered() {
    let mut world = led_by_the_first();
    let replicas = &mut world.replicas;
    let propose = |leader: &mut Replica<Numbers, Kept>, numbers: std::ops::Range<u64>| {
        let proposal = |number: u64| {
            let waiter = Waiter {
                reply: oneshot::channel().0,
                permit: None,
            };
            let command = number.to_le_bytes().to_vec();
            Proposal { command, waiter }
        };
        leader.propose(numbers.map(proposal).collect());
    };
    let last = |leader: &Replica<Numbers, Kept>| leader.raw.raft.raft_log.last_index();
    let leader = replicas.get_mut(&1).unwrap();
    let begun = last(leader);
    propose(leader, 0..4);
    propose(leader, 4..5);
    exchange(replicas);
    let leader = replicas.get_mut(&1).unwrap();
    assert_eq!(last(leader), begun + 1, "one waits for four");
    assert!(leader.waits_for_others());
    assert_eq!(leader.gathers(), Some(4));
    propose(leader, 5..9);
    assert_eq!(last(leader), begun + 2, "they go together");
    assert!(!leader.waits_for_others());
    exchange(replicas);
    let shared = replicas[&1].shared();
    assert_eq!(shared.read().unwrap().machine.0, (0..9).collect::<Vec<_>>());
    // Nobody came meanwhile: the first who comes is who asks for the others.
    let leader = replicas.get_mut(&1).unwrap();
    assert!(!leader.waits_for_others());
    assert_eq!(leader.gathers(), Some(5));
    assert_eq!(leader.gathers(), None);
}

/// Followers that sat idle while the leader applied a submission of megabytes took it for dead.
#[test]
fn followers_hear_of_a_large_entry_before_the_leader_applies_it() {
    let mut world = led_by_the_first();
    let replicas = &mut world.replicas;
    let leader = replicas.get_mut(&1).unwrap();
    let (reply, mut outcome) = oneshot::channel();
    let permit = None;
    let waiter = Waiter { reply, permit };
    let command = vec![0; crate::limits::ENTRY_PACK_BYTES];
    leader.propose(vec![Proposal { command, waiter }]);
    let index = leader.raw.raft.raft_log.last_index();
    let mut sent = Vec::new();
    leader.settle(&mut |message| sent.push(message)).unwrap();
    let follower = replicas.get_mut(&2).unwrap();
    for message in sent.into_iter().filter(|message| message.to == 2) {
        follower.receive(message);
    }
    let mut answers = Vec::new();
    follower
        .settle(&mut |message| answers.push(message))
        .unwrap();
    let leader = replicas.get_mut(&1).unwrap();
    answers
        .into_iter()
        .for_each(|answer| leader.receive(answer));
    let shared = leader.shared();
    let mut told = Vec::new();
    let applied = || shared.read().unwrap().machine.0.len();
    leader
        .settle(&mut |message| told.push((message.to, message.commit, applied())))
        .unwrap();
    assert!(told.contains(&(2, index, 0)), "{told:?}");
    assert!(matches!(outcome.try_recv(), Ok(Ok(0))));
}

/// Without certificates whoever reaches a port says which node it is: each number was remembered for good.
#[test]
fn strangers_fill_no_memory() {
    let mut world = World::new(2, false);
    let replica = world.replicas.get_mut(&1).unwrap();
    for from in 1_000..11_000 {
        let mut message = Message::default();
        message.set_msg_type(raft::eraftpb::MessageType::MsgHeartbeatResponse);
        (message.from, message.to) = (from, 1);
        replica.receive(message);
    }
    let from_member = Message {
        from: 3,
        to: 1,
        ..Message::default()
    };
    replica.receive(from_member);
    let heard = &replica.peers.heard_at;
    assert_eq!(heard.len(), crate::limits::HEARD_NODES_MAX + 1);
    assert!(heard.contains_key(&3), "members are always heard");
}

fn address(id: u64) -> String {
    format!("n{id}:1")
}

fn run(seed: u64, moves: bool) -> (World, u32) {
    eprintln!("seed {seed}");
    let mut world = World::new(seed, moves);
    for _ in 0..6000 {
        world.step();
    }
    world.heal();
    let hash = world.trace.clone().finalize();
    (world, hash)
}

#[test]
fn faults_never_break_the_history() {
    let mut acknowledged = 0;
    let mut reads = 0;
    let mut installed = 0;
    for seed in 0..12 {
        let (world, _) = run(seed, false);
        acknowledged += world.acknowledged.len();
        reads += world.reads_served;
        installed += world.snapshots_installed;
    }
    // The runs must have done something.
    assert!(acknowledged > 5000, "{acknowledged}");
    assert!(reads > 500, "{reads}");
    assert!(installed > 0, "{installed}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (first, second, other) = (run(77, true), run(77, true), run(78, true));
    assert_eq!(first.1, second.1);
    assert_eq!(first.0.acknowledged, second.0.acknowledged);
    assert_ne!(first.1, other.1);
}

#[test]
fn members_that_come_and_go_never_break_the_history() {
    let (mut acknowledged, mut changes, mut nodes) = (0, 0, 0);
    for seed in 100..112 {
        let (world, _) = run(seed, true);
        acknowledged += world.acknowledged.len();
        changes += world.changes_made;
        nodes += world.logs.len();
    }
    // The runs must have done something.
    assert!(acknowledged > 3000, "{acknowledged}");
    assert!(changes > 100, "{changes}");
    assert!(nodes > 60, "{nodes}");
}
