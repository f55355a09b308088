//! Durable Objects natively: eviction, the clock of a test, panics, and a restart of the server.

use std::path::PathBuf;
use std::time::Duration;

use bindery::web_socket::{Close, Message};
use bindery::{Body, ErrorKind, Request, Server, ServerOptions, TestWorld, time};
use conformance::{App, Env, Outcome, objects, same};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Frame;

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

#[bindery::test]
async fn a_panic_of_the_constructor_is_an_error(env: Env) -> Outcome {
    for _ in 0..2 {
        let room = env.rooms.by_name("a panic at once");
        let error = room.calls().await.err().ok_or("it returns")?;
        same!(error.message(), "the object panicked: no room");
    }
    Ok(())
}

#[bindery::test]
async fn an_object_that_blocks_is_reset(env: Env, world: TestWorld) -> Outcome {
    let room = env.rooms.by_name("blocked");
    same!(room.calls().await?, 1);
    let (blocks, waits) = (room.clone(), room.clone());
    let advance = async {
        time::sleep(Duration::from_millis(50)).await;
        world.clock().advance(Duration::from_secs(31));
    };
    let blocked = futures_util::future::join3(blocks.block(), waits.calls(), advance);
    let (blocked, waited, ()) = blocked.await;
    same!(
        blocked.err().map(|error| error.kind()),
        Some(ErrorKind::Unavailable)
    );
    same!(
        waited.err().map(|error| error.kind()),
        Some(ErrorKind::Unavailable)
    );
    same!(room.calls().await?, 1);
    Ok(())
}

fn join(room: &str, user: &str) -> Result<Request, axum::http::Error> {
    let request = axum::http::Request::builder().uri(format!("/rooms/{room}/{user}"));
    request.body(Body::empty())
}

#[bindery::test]
async fn sockets_outlive_the_object(env: Env, world: TestWorld) -> Outcome {
    let mut ann = world.web_socket::<App>(&env, join("lobby", "ann")?).await?;
    let mut bob = world.web_socket::<App>(&env, join("lobby", "bob")?).await?;
    same!(ann.next().await, Some(Message::from("welcome ann")));
    same!(bob.next().await, Some(Message::from("welcome bob")));

    let users = || vec!["ann".to_owned(), "bob".to_owned()];
    let tags = || vec!["user".to_owned(), "ann".to_owned()];
    for calls in 1..3 {
        ann.send("who");
        same!(
            ann.next_json::<(Vec<String>, Vec<String>, u32)>().await?,
            (users(), tags(), calls)
        );
    }
    world.evict(&env.rooms.by_name("lobby")).await;
    ann.send("ping");
    same!(ann.next().await, Some(Message::from("pong")));
    ann.send("who");
    same!(
        ann.next_json::<(Vec<String>, Vec<String>, u32)>().await?,
        (users(), tags(), 1)
    );

    bob.send("hello");
    same!(ann.next().await, Some(Message::from("bob: hello")));
    same!(bob.next().await, Some(Message::from("bob: hello")));
    ann.send(vec![1, 2, 3]);
    same!(ann.next().await, Some(Message::from(vec![3, 2, 1])));
    ann.send("fail");
    ann.send("@bob psst");
    same!(bob.next().await, Some(Message::from("ann to bob: psst")));

    bob.send("leave");
    same!(bob.next().await, None);
    same!(bob.closed(), Some(&Close::new(4000, "goodbye")));
    same!(ann.next().await, Some(Message::from("bob left")));
    ann.close(3000, "bye");
    let room = env.rooms.by_name("lobby");
    same!(room.left("ann").await?, Some(3000));
    same!(room.left("bob").await?, Some(4000));
    Ok(())
}

#[bindery::test]
async fn a_reset_cuts_the_connections(env: Env, world: TestWorld) -> Outcome {
    let mut ann = world.web_socket::<App>(&env, join("reset", "ann")?).await?;
    same!(ann.next().await, Some(Message::from("welcome ann")));
    ann.send("reset");
    same!(ann.next().await, None);
    same!(ann.closed(), None);
    same!(env.rooms.by_name("reset").calls().await?, 1);

    let refused = world
        .web_socket::<App>(&env, join("reset", &"x".repeat(300))?)
        .await;
    same!(
        refused.err().map(|error| error.kind()),
        Some(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// Clients of the library `tungstenite` at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_server() -> Outcome {
    let folder = std::env::temp_dir().join(format!("bindery-sockets-{}", std::process::id()));
    let folder = Folder(folder);
    let server = Server::<App>::start(ServerOptions::default().state(&folder.0)).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(server.serve_until(listener, stopped));

    let connect = async |user: &str| {
        let url = format!("ws://{address}/rooms/hall/{user}");
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
        let welcome = socket.next().await.ok_or("no welcome")??;
        same!(welcome, Frame::text(format!("welcome {user}")));
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(socket)
    };
    let mut ann = connect("ann").await?;
    let mut bob = connect("bob").await?;
    ann.send(Frame::text("hello")).await?;
    for socket in [&mut ann, &mut bob] {
        same!(
            socket.next().await.ok_or("nothing")??,
            Frame::text("ann: hello")
        );
    }
    ann.send(Frame::text("ping")).await?;
    same!(ann.next().await.ok_or("nothing")??, Frame::text("pong"));
    let large = vec![7; 1_000_000];
    ann.send(Frame::binary(large.clone())).await?;
    same!(ann.next().await.ok_or("nothing")??, Frame::binary(large));

    bob.close(None).await?;
    same!(ann.next().await.ok_or("nothing")??, Frame::text("bob left"));
    ann.send(Frame::text("leave")).await?;
    let closed = ann.next().await.ok_or("nothing")??;
    let Frame::Close(Some(frame)) = closed else {
        return Err(format!("{closed} is not a close").into());
    };
    same!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4000, "goodbye")
    );

    // Clients that are still connected do not keep the server from stopping.
    let _carl = connect("carl").await?;
    let (mut dora, _) = tokio_tungstenite::connect_async(format!("ws://{address}/socket")).await?;
    dora.send(Frame::text("hello")).await?;
    same!(dora.next().await.ok_or("nothing")??, Frame::text("hello"));
    let _ = stop.send(());
    let Frame::Close(Some(frame)) = dora.next().await.ok_or("nothing")?? else {
        return Err("the worker did not close the connection".into());
    };
    same!(u16::from(frame.code), 1001);
    tokio::time::timeout(Duration::from_secs(5), serving).await??;
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
                .by_name(format_args!("room {number}"))
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
            rooms
                .by_name(format_args!("room {number}"))
                .add("n", 0)
                .await?,
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
