//! A worker that keeps the runtime from everything else is told of.

use super::super::Work;
use super::*;

#[tokio::test]
async fn the_request_that_hangs_the_worker_is_named() {
    let mut rig = rig().await;
    let upstream = worker(|mut connection| async move {
        while let Some(head) = connection.head().await {
            if head.starts_with("GET /quick") {
                connection.answer("quick").await;
            }
        }
    })
    .await;
    rig.handle.release(only(upstream));
    assert!(rig.get("/quick").await.ends_with("quick"));
    rig.next_request().await;
    rig.is_silent.store(true, Ordering::SeqCst);
    let mut client = rig.connect().await;
    client
        .send("POST /loop?secret=1", "Content-Length: 0\r\n", "")
        .await;
    let FrontEvent::Busy(busy) = rig.next_event().await else {
        panic!("nothing was answered");
    };
    let work = Work::Request {
        method: "POST".to_owned(),
        path: "/loop".to_owned(),
    };
    assert_eq!((busy.worker.as_str(), busy.work), ("todo", work));
    assert!(busy.elapsed >= Duration::from_secs(3), "{:?}", busy.elapsed);
}
