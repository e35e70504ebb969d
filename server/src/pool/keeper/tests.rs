use crate::limits;
use crate::pool::exec::Exec;
use crate::pool::fixture::pool;
use crate::pool::keeper::{Answer, Keeper};

const NOW_MS: u64 = 1_000_000;

fn keeper() -> Keeper {
    let text = r#"
        [pool.x]
        kind = "exec"
        cores = 8
        memory = "16GiB"
        max = 9
        job = "$JOB"
        ask = ["echo", "7"]
        list = ["echo", "kumi-a-x-1 7 7.1 running"]
        cancel = ["true", "{ids}"]
    "#;
    let pool = pool(text);
    let site = Exec {
        name: "x".to_owned(),
        prefix: "kumi-a-x-".to_owned(),
        pool: pool.clone(),
        program: "/opt/kumi".into(),
    };
    Keeper::new("x".to_owned(), pool, Box::new(site))
}

async fn answer(keeper: &mut Keeper, now_ms: u64) -> &'static str {
    let Some(call) = keeper.call(now_ms) else {
        return "nothing";
    };
    let answer = call.await;
    let kind = match &answer {
        Answer::Asked { .. } => "asked",
        Answer::Listed { .. } => "listed",
        Answer::Cancelled(_) => "cancelled",
        Answer::Accounted(_) => "accounted",
        Answer::None => "none",
    };
    keeper.take(now_ms, answer);
    kind
}

/// At every turn the same is decided of the same look at the queue, until it is looked at again.
#[tokio::test]
async fn a_job_is_ended_once_and_then_the_queue_is_looked_at() {
    let mut keeper = keeper();
    let ids = || vec!["7.1".to_owned()];
    assert_eq!(answer(&mut keeper, NOW_MS).await, "listed");
    keeper.cancel(NOW_MS, ids());
    keeper.cancel(NOW_MS + 1, ids());
    assert_eq!(answer(&mut keeper, NOW_MS + 1).await, "cancelled");
    keeper.cancel(NOW_MS + 2, ids());
    assert_eq!(answer(&mut keeper, NOW_MS + 2).await, "nothing");
    let then_ms = NOW_MS + 2 + limits::POOL_LOOK_MS;
    keeper.cancel(then_ms, ids());
    assert_eq!(answer(&mut keeper, then_ms).await, "listed");
    // It is there after long: the site is told again.
    let again_ms = NOW_MS + limits::SITE_CANCEL_AGAIN_MS;
    keeper.cancel(again_ms, ids());
    assert_eq!(answer(&mut keeper, again_ms).await, "cancelled");
}
