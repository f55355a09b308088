//! Durable Objects natively: eviction, the clock of a test, panics, and a restart of the server.

use std::path::PathBuf;
use std::time::Duration;

use bindery::{ErrorKind, Server, ServerOptions, TestWorld, time};
use conformance::{App, Env, Outcome, objects, same};

#[bindery::test]
async fn an_evicted_object_is_created_again(env: Env, world: TestWorld) -> Outcome {
    let room = env.rooms.by_name("evicted");
    same!(room.calls().await?, 1);
    same!(room.add("kept", 1).await?, 1);
    room.post("ann", "hello", None).await?;
    world.evict(&room).await;

    same!(room.calls().await?, 1);
    same!(room.add("kept", 1).await?, 2);
    same!(room.messages().await?.len(), 1);
    Ok(())
}

#[bindery::test]
async fn alarms_follow_the_clock(env: Env, world: TestWorld) -> Outcome {
    let room = env.rooms.by_name("alarm");
    same!(room.wake(60_000).await?, true);
    same!(world.run_alarms().await, 0);
    world.clock().advance(Duration::from_secs(60));
    same!(world.run_alarms().await, 1);
    same!(world.run_alarms().await, 0);
    same!(
        room.woken().await?,
        ["retry 0, set false".to_owned()].to_vec()
    );

    objects::set_failing_alarm(env.clone()).await?;
    world.clock().advance(Duration::from_millis(1));
    same!(world.run_alarms().await, 1);
    same!(world.run_alarms().await, 0);
    world.clock().advance(Duration::from_secs(2));
    same!(world.run_alarms().await, 1);
    objects::failing_alarm_fired(env).await?;
    same!(world.run_alarms().await, 0);
    Ok(())
}

#[bindery::test]
async fn a_panic_resets_the_object(env: Env) -> Outcome {
    let room = env.rooms.by_name("panic");
    same!(room.calls().await?, 1);
    let error = room.panics().await.err().ok_or("it returns")?;
    same!(error.kind(), ErrorKind::Internal);
    same!(error.message(), "the object panicked: no such luck");
    same!(room.calls().await?, 1);
    same!(room.add("before the panic", 0).await?, 1);
    Ok(())
}

/// A folder of state, which is deleted at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_survive_a_restart() -> Outcome {
    let folder = std::env::temp_dir().join(format!("bindery-objects-{}", std::process::id()));
    let folder = Folder(folder);
    let start = || Server::<App>::start(ServerOptions::default().state(&folder.0));

    let server = start().await?;
    let rooms = server.env().rooms.clone();
    let id = rooms.id_of("kept");
    for number in 0..20 {
        same!(
            rooms
                .by_name(&format!("room {number}"))
                .add("n", number)
                .await?,
            number
        );
    }
    let room = rooms.by_name("kept");
    room.post("ann", "hello", None).await?;
    same!(room.wake(300).await?, true);
    drop((room, rooms));
    server.shutdown().await;

    let server = start().await?;
    let rooms = server.env().rooms.clone();
    let room = rooms.by_id(&id)?;
    same!(room.messages().await?.len(), 1);
    for number in 0..20 {
        same!(
            rooms.by_name(&format!("room {number}")).add("n", 0).await?,
            number
        );
    }
    let mut woken = Vec::new();
    for _ in 0..200 {
        woken = room.woken().await?;
        if !woken.is_empty() {
            break;
        }
        time::sleep(Duration::from_millis(10)).await;
    }
    same!(woken.len(), 1);
    drop((room, rooms));
    server.shutdown().await;
    Ok(())
}
