//! Who is elected when, on clocks that tick at different moments.

use super::World;
use crate::status::Role;

/// Has replicas do what they have to until none has anything to say.
fn talk(world: &mut World) {
    loop {
        let mut sent = Vec::new();
        for replica in world.replicas.values_mut() {
            replica.settle(&mut |message| sent.push(message)).unwrap();
        }
        if sent.is_empty() {
            return;
        }
        for message in sent {
            if let Some(replica) = world.replicas.get_mut(&message.to) {
                replica.receive(message);
            }
        }
    }
}

fn tick(world: &mut World, id: u64) {
    world.replicas.get_mut(&id).unwrap().tick();
    talk(world);
}

fn leader(world: &World) -> Option<u64> {
    let mut replicas = world.replicas.iter();
    let leads =
        |(_, replica): &(&u64, &super::Replica<_, _>)| replica.status().role == Role::Leader;
    replicas.find(leads).map(|(id, _)| *id)
}

/// Nobody may hear of a candidate for as long as a leader may still be there, which each node counts in its own ticks.
/// When the first candidate comes exactly then, a node whose ticks come a moment later refuses it, and the cluster waits
/// for another timeout.
#[test]
fn the_first_candidate_wins_although_another_node_ticks_a_moment_later() {
    let mut world = World::new(1, false);
    while leader(&world).is_none() {
        tick(&mut world, 2);
    }
    assert_eq!(leader(&world), Some(2));
    (0..4).for_each(|_| tick(&mut world, 2));
    world.replicas.remove(&2);
    for _ in 0..9 {
        tick(&mut world, 1);
        tick(&mut world, 3);
    }
    assert_eq!(leader(&world), None, "the leader may still be there");
    tick(&mut world, 1);
    assert_eq!(leader(&world), Some(1));
}
