use super::*;
use proptest::prelude::*;

fn route() -> Route {
    Route {
        cluster: "c".to_owned(),
        from: 1,
        to: 2,
        introduction: Introduction {
            address: "a:1".to_owned(),
            version: 1,
        },
    }
}

/// Frames everything, takes the frames apart again.
fn through(messages: Vec<Outgoing>) -> Vec<Vec<u8>> {
    let mut queue = VecDeque::from(messages);
    let mut framer = Framer::new(route());
    let mut assembly = Assembly::default();
    let mut received = Vec::new();
    while let Some(framed) = framer.next(|| queue.pop_front()) {
        let frame = framed.frame;
        assert!(prost::Message::encoded_len(&frame) <= limits::FRAME_BYTES_MAX);
        received.extend(frame.messages);
        if let Some(part) = &frame.part {
            received.extend(assembly.push(part).unwrap());
        }
    }
    assert!(queue.is_empty());
    received
}

fn message(tag: u8, bytes: usize, snapshot: bool) -> Outgoing {
    Outgoing {
        bytes: vec![tag; bytes],
        snapshot,
    }
}

#[test]
fn small_messages_pass_a_snapshot_and_appends_keep_their_place() {
    let large = 3 * limits::FRAME_PAYLOAD_BYTES_MAX + 17;
    let received = through(vec![
        message(1, 10, false),
        message(2, large, true),
        message(3, 10, false),
    ]);
    let order: Vec<u8> = received.iter().map(|bytes| bytes[0]).collect();
    assert_eq!(order, [1, 3, 2]);
    let received = through(vec![
        message(1, 10, false),
        message(2, large, false),
        message(3, 10, false),
    ]);
    let order: Vec<u8> = received.iter().map(|bytes| bytes[0]).collect();
    assert_eq!(order, [1, 2, 3]);
    assert_eq!(received[1].len(), large);
}

#[test]
fn pieces_out_of_order_are_refused() {
    let piece = |offset, total| RaftPart {
        offset,
        total,
        data: vec![0; 10],
    };
    assert!(Assembly::default().push(&piece(10, 30)).is_err());
    let mut assembly = Assembly::default();
    assert_eq!(assembly.push(&piece(0, 30)), Ok(None));
    assert!(assembly.push(&piece(20, 30)).is_err());
    let mut assembly = Assembly::default();
    assert_eq!(assembly.push(&piece(0, 30)), Ok(None));
    assert!(assembly.push(&piece(10, 31)).is_err());
    let huge = limits::MESSAGE_BYTES_MAX as u64 + 1;
    assert!(Assembly::default().push(&piece(0, huge)).is_err());
}

/// RUSTSEC-2024-0437: protobuf 2.28, which raft-rs brings, skips nested groups by recursion in
/// one of its paths. A message of 400,000 nested groups must not overflow a small stack.
#[test]
fn nested_groups_do_not_overflow_the_stack() {
    const DEPTH: usize = 400_000;
    for field in [200u32, 15] {
        let mut tag = Vec::new();
        prost::encoding::encode_varint(u64::from(field << 3 | 3), &mut tag);
        let groups = tag.repeat(DEPTH);
        assert!(groups.len() < limits::FRAME_PAYLOAD_BYTES_MAX);
        // Alone, closed, and inside an entry (field 7) of the message.
        let mut closing = Vec::new();
        prost::encoding::encode_varint(u64::from(field << 3 | 4), &mut closing);
        let closed = [groups.clone(), closing.repeat(DEPTH)].concat();
        let mut nested = vec![7 << 3 | 2];
        prost::encoding::encode_varint(groups.len() as u64, &mut nested);
        nested.extend_from_slice(&groups);
        for hostile in [groups, closed, nested] {
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || {
                    // Refused or ignored: either will do.
                    let _ = decode(&hostile, 1, 2);
                })
                .unwrap()
                .join()
                .unwrap();
        }
    }
}

proptest! {
    #[test]
    fn every_message_arrives(sizes in prop::collection::vec(
        prop_oneof![8 => 1usize..2000, 1 => 900_000usize..2_500_000], 0..40,
    )) {
        let messages: Vec<Outgoing> = sizes
            .iter()
            .zip(0u8..)
            .map(|(size, tag)| message(tag, *size, false))
            .collect();
        let sent: Vec<Vec<u8>> = messages.iter().map(|m| m.bytes.clone()).collect();
        prop_assert!(through(messages) == sent);
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, 1, 2);
    }
}
