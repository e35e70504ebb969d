//! What the chunks of a sample must know, as the stage `cut` publishes it: `docs/formats/cut.md`.

use kumi_align::{InsertSize, InsertSizes};
use kumi_formats::reads::{Part, Piece, Place};
use kumi_proto::v1;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::task::Context;

/// The file's name.
pub(super) const NAME: &str = "cut.json";
const FORMAT: &str = "kumi cut 1";

/// Where the chunks begin, and the insert sizes of all read groups.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) sizes: InsertSizes,
    pub(super) parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    format: String,
    insert_sizes: Vec<SizeFile>,
    chunks: Vec<ChunkFile>,
}

/// Mean and deviation as the bits of an `f64`: no digit is lost on the way.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeFile {
    mean_bits: u64,
    deviation_bits: u64,
    low: u32,
    high: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkFile {
    first_template: u64,
    pieces: Vec<PieceFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceFile {
    source: usize,
    first: u64,
    templates: Option<u64>,
    /// Offset and skip in each file.
    places: Vec<(u64, u64)>,
}

impl Plan {
    pub(super) fn encode(&self, context: &Context<'_>) -> Result<Vec<u8>, Fault> {
        let size = |size: &InsertSize| SizeFile {
            mean_bits: size.mean.to_bits(),
            deviation_bits: size.deviation.to_bits(),
            low: size.low,
            high: size.high,
        };
        let piece = |piece: &Piece| PieceFile {
            source: piece.source,
            first: piece.first,
            templates: piece.templates,
            places: (piece.places.iter())
                .map(|place| (place.offset, place.skip))
                .collect(),
        };
        let chunk = |part: &Part| ChunkFile {
            first_template: part.first_template,
            pieces: part.pieces.iter().map(piece).collect(),
        };
        let file = PlanFile {
            format: FORMAT.to_owned(),
            insert_sizes: self.sizes.by_group().iter().map(size).collect(),
            chunks: self.parts.iter().map(chunk).collect(),
        };
        serde_json::to_vec(&file)
            .map_err(|error| context.internal(format_args!("the cut cannot be told: {error}")))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let file: PlanFile = serde_json::from_slice(bytes).ok()?;
        let size = |size: SizeFile| InsertSize {
            mean: f64::from_bits(size.mean_bits),
            deviation: f64::from_bits(size.deviation_bits),
            low: size.low,
            high: size.high,
        };
        let place = |(offset, skip)| Place { offset, skip };
        let piece = |piece: PieceFile| Piece {
            source: piece.source,
            first: piece.first,
            templates: piece.templates,
            places: piece.places.into_iter().map(place).collect(),
        };
        let part = |chunk: ChunkFile| Part {
            first_template: chunk.first_template,
            pieces: chunk.pieces.into_iter().map(piece).collect(),
        };
        (file.format == FORMAT).then(|| Self {
            sizes: InsertSizes::of_groups(file.insert_sizes.into_iter().map(size).collect()),
            parts: file.chunks.into_iter().map(part).collect(),
        })
    }

    /// Reads what the stage `cut` published, which must be what its manifest says.
    pub(super) fn read(context: &Context<'_>, cut: Option<&v1::Manifest>) -> Result<Self, Fault> {
        let cut = cut.ok_or_else(|| context.internal("the specification names no cut"))?;
        let (path, bytes) = context.published_bytes(cut, NAME)?;
        Self::decode(&bytes).ok_or_else(|| {
            context.transient(format_args!(
                "{} is no cut of this version; run `kumi cohort retry` to make it again",
                path.display()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use kumi_align::{InsertSize, InsertSizes};
    use kumi_formats::reads::{Part, Piece, Place};
    use kumi_proto::v1;

    use super::Plan;
    use crate::control::Control;
    use crate::indexed::Kept;
    use crate::metrics::Meter;
    use crate::supply::{Needs, Supply};
    use crate::task::Context;

    #[test]
    fn what_is_told_comes_back_to_the_last_bit() {
        let plan = Plan {
            sizes: InsertSizes::of_groups(vec![InsertSize {
                mean: 1.0 / 3.0,
                deviation: 0.1 + 0.2,
                low: 1,
                high: u32::MAX,
            }]),
            parts: vec![
                Part::default(),
                Part {
                    first_template: u64::MAX,
                    pieces: vec![Piece {
                        source: 3,
                        first: 7,
                        templates: None,
                        places: vec![Place {
                            offset: u64::MAX,
                            skip: 9,
                        }],
                    }],
                },
            ],
        };
        let supply = Supply::default();
        let context = Context {
            spec: &v1::Spec::default(),
            attempt: 1,
            scratch: std::path::Path::new("/"),
            control: &Control::default(),
            meter: &Meter::default(),
            kept: &Kept::default(),
            needs: &Needs::new(&supply),
        };
        let bytes = plan.encode(&context).expect("encoded");
        assert_eq!(Plan::decode(&bytes), Some(plan));
        assert_eq!(Plan::decode(b"{}"), None);
    }
}
