//! What a scheduler reads from its disk and from its peers, below the state machine.
#![no_main]

use kumi_cluster::backup::Backup;
use kumi_cluster::membership::Membership;
use kumi_cluster::store::codec;
use kumi_cluster::{entry, envelope};

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::control::seed("raft"), |data: &[u8]| {
    if let Ok(backup) = Backup::decode(data) {
        assert_eq!(Backup::decode(&backup.encode()).expect("it was written"), backup);
    }
    if let Ok(contents) = envelope::open(data) {
        let membership = contents.membership.unwrap_or_default();
        let sealed = envelope::seal(&membership, contents.head, contents.state);
        assert_eq!(envelope::open(&sealed).expect("it was sealed").state, contents.state);
    }
    if let Some(membership) = Membership::decode(data) {
        let again = Membership::decode(&membership.encode());
        assert_eq!(again, Some(membership));
    }
    let _ = entry::unpack(data);
    let _ = codec::decode_entry(1, data);
    if let Some((hard_state, _, entries)) = codec::decode_change(data) {
        assert_eq!(codec::encode_change(hard_state.as_ref(), &entries), data);
    }
    let _ = codec::decode_hard_state(data);
    let _ = codec::decode_conf_state(data);
});
