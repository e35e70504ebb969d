//! How many elements a message has: counted on its bytes, before any of it is built.
//!
//! An empty element takes two bytes on the wire and some hundred in memory, so a bound on bytes alone is none on memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost::bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};

/// What a message may hold, by the number of the field.
type Fields = BTreeMap<u32, Element>;

enum Element {
    /// An item of a list that takes memory of its own.
    Item,
    /// A message, by its place among the shapes.
    Message(usize),
}

/// The messages that our methods are sent.
struct Shapes {
    fields: Vec<Fields>,
    /// By the method's path.
    requests: BTreeMap<String, usize>,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let files = FileDescriptorSet::decode(kumi_proto::DESCRIPTORS);
    Shapes::of(&files.expect("the build wrote them"))
});

impl Shapes {
    fn of(files: &FileDescriptorSet) -> Self {
        let mut messages = BTreeMap::new();
        for file in &files.file {
            for message in &file.message_type {
                enter(&format!(".{}", file.package()), message, &mut messages);
            }
        }
        let places: BTreeMap<&str, usize> = messages.keys().map(String::as_str).zip(0..).collect();
        let element = |field: &prost_types::FieldDescriptorProto| match field.r#type() {
            Type::Message => places.get(field.type_name()).copied().map(Element::Message),
            Type::String | Type::Bytes => {
                (field.label() == Label::Repeated).then_some(Element::Item)
            }
            _ => None,
        };
        let fields_of = |message: &&DescriptorProto| {
            let fields = message.field.iter();
            let fields = fields.filter_map(|field| Some((field.number() as u32, element(field)?)));
            fields.collect()
        };
        let mut requests = BTreeMap::new();
        for file in &files.file {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    let path = format!("/{package}.{service}/{}", method.name());
                    let place = places.get(method.input_type());
                    requests.extend(place.map(|place| (path, *place)));
                }
            }
        }
        Self {
            fields: messages.values().map(fields_of).collect(),
            requests,
        }
    }

    /// Counts elements down; `None` when there are more than are left. Bytes that are no message are somebody
    /// else's to refuse.
    fn count(&self, mut bytes: &[u8], of: usize, left: &mut usize, depth: usize) -> Option<()> {
        while let Ok((tag, wire)) = decode_key(&mut bytes) {
            let skipped = match wire {
                WireType::Varint => {
                    if decode_varint(&mut bytes).is_err() {
                        return Some(());
                    }
                    0
                }
                WireType::SixtyFourBit => 8,
                WireType::ThirtyTwoBit => 4,
                WireType::LengthDelimited => match decode_varint(&mut bytes) {
                    Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
                    Err(_) => return Some(()),
                },
                // A decoder skips a group that it does not know and goes on behind it.
                WireType::StartGroup | WireType::EndGroup => 0,
            };
            let Some((content, rest)) = bytes.split_at_checked(skipped) else {
                return Some(());
            };
            bytes = rest;
            if let (WireType::LengthDelimited, Some(element)) = (wire, self.fields[of].get(&tag)) {
                *left = left.checked_sub(1)?;
                if let Element::Message(of) = element
                    && depth > 0
                {
                    self.count(content, *of, left, depth - 1)?;
                }
            }
        }
        Some(())
    }
}

/// Enters a message and those within it under their full names.
fn enter<'a>(
    within: &str,
    message: &'a DescriptorProto,
    messages: &mut BTreeMap<String, &'a DescriptorProto>,
) {
    let name = format!("{within}.{}", message.name());
    for inner in &message.nested_type {
        enter(&name, inner, messages);
    }
    messages.insert(name, message);
}

/// How many elements a method's request has; `None`: more than `most`.
pub(crate) fn count(path: &str, message: &[u8], most: usize) -> Option<usize> {
    /// As deep as prost goes.
    const DEPTH_MAX: usize = 100;
    let shapes = &*SHAPES;
    let mut left = most;
    if let Some(of) = shapes.requests.get(path) {
        shapes.count(message, *of, &mut left, DEPTH_MAX)?;
    }
    Some(most - left)
}

/// How many of the bytes are whole gRPC messages, and the content of each: a flag, a length in four bytes, the
/// message. One of more than `most` bytes counts as whole as soon as its length is there, so that it can be refused.
pub(crate) fn whole(bytes: &[u8], most: usize) -> (usize, Vec<&[u8]>) {
    const HEAD_BYTES: usize = 5;
    let (mut at, mut messages) = (0, Vec::new());
    while let Some(mut head) = bytes.get(at + 1..at + HEAD_BYTES) {
        let length = head.get_u32() as usize;
        if length > most {
            return (bytes.len(), messages);
        }
        let Some(message) = bytes.get(at + HEAD_BYTES..at + HEAD_BYTES + length) else {
            break;
        };
        messages.push(message);
        at += HEAD_BYTES + length;
    }
    (at, messages)
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::{ReadGroup, RetryCohortRequest, Sample, SubmitRequest};
    use prost::Message as _;

    use super::{count, whole};

    const SUBMIT: &str = "/kumi.v1.CohortService/Submit";

    #[test]
    fn elements_are_counted_wherever_they_are() {
        let sample = Sample {
            name: "a".to_owned(),
            read_groups: vec![ReadGroup::default(); 3],
            ..Sample::default()
        };
        let request = SubmitRequest {
            header: None,
            samples: vec![sample; 5],
        };
        let bytes = request.encode_to_vec();
        assert_eq!(count(SUBMIT, &bytes, 20), Some(20));
        assert_eq!(count(SUBMIT, &bytes, 19), None);
        let retry = RetryCohortRequest {
            samples: vec![String::new(); 7],
            ..RetryCohortRequest::default()
        };
        let bytes = retry.encode_to_vec();
        let retry = "/kumi.v1.CohortService/Retry";
        assert_eq!(count(retry, &bytes, 9), Some(7));
        assert_eq!(count(retry, &bytes, 6), None);
        assert_eq!(count("/kumi.v1.CohortService/Nothing", &bytes, 0), Some(0));
    }

    #[test]
    fn a_group_in_front_hides_nothing() {
        let request = SubmitRequest {
            header: None,
            samples: vec![Sample::default(); 5],
        };
        let mut bytes = vec![0xc3, 0x3e, 0xc4, 0x3e];
        bytes.extend(request.encode_to_vec());
        let decoded = SubmitRequest::decode(&bytes[..]).unwrap();
        assert_eq!(decoded.samples.len(), 5);
        assert_eq!(count(SUBMIT, &bytes, 4), None);
    }

    #[test]
    fn bytes_that_are_no_message_are_left_to_others() {
        let noise: Vec<u8> = (0..=255).cycle().take(4_096).collect();
        for at in 0..256 {
            let _ = count(SUBMIT, &noise[at..], 1_000);
        }
        assert_eq!(count(SUBMIT, &[0x12, 0xff, 0xff, 0x7f], 1_000), Some(0));
    }

    #[test]
    fn messages_are_whole_with_their_last_byte() {
        let bytes = [0, 0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(whole(&bytes, 10), (12, vec![&[7, 8][..], &[]]));
        assert_eq!(whole(&bytes[..6], 10), (0, vec![]));
        assert_eq!(whole(&bytes[..6], 1), (6, vec![]), "too large");
    }
}
