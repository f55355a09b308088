//! Cron triggers by the clock of a test, and on a server.

use std::time::{Duration, SystemTime};

use bindery::{ErrorKind, Server, ServerOptions, TestWorld};
use conformance::{App, Env, Outcome, same};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DAY: Duration = Duration::from_secs(86_400);

/// What the handlers have noted.
async fn notes(env: &Env) -> bindery::Result<Vec<String>> {
    let rows = env.db.noted().await?;
    Ok(rows.into_iter().map(|row| row.body).collect())
}

/// A trigger fires at its times, in the order of the times.
#[bindery::test]
async fn triggers_follow_the_clock(env: Env, world: TestWorld) -> Outcome {
    // Friday, 2026-01-30, 11:59:30.
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_774_370);
    world.clock().set(start);
    same!(
        world
            .run_crons::<App>(&env, Duration::from_secs(29))
            .await?,
        0
    );
    same!(
        world.run_crons::<App>(&env, Duration::from_secs(1)).await?,
        1
    );
    world.background_work().await;
    same!(notes(&env).await?, ["0 12 * * MON-FRI at 1769774400"]);

    // Saturday: at 1:30 the last one fires, which fails, so that the clock stands there.
    let error = world.run_crons::<App>(&env, DAY).await.err();
    same!(
        error.map(|error| error.kind()),
        Some(ErrorKind::Unavailable)
    );
    // Then 3:00, 3:20 and 3:40, also on Sunday, and 12:00 on Monday.
    same!(
        world.run_crons::<App>(&env, DAY * 2 + DAY / 2).await?,
        3 * 3 + 1 - 3 + 3
    );
    world.background_work().await;
    let noted = notes(&env).await?;
    same!(noted.len(), 1 + 1 + 10);
    let expected: Vec<String> = [3, 4, 5]
        .map(|twenties| format!("*/20 3 * * * at {}", 1_769_828_400 + (twenties - 3) * 1200))
        .into();
    same!(noted[2..5], expected[..]);
    Ok(())
}

/// A test can trigger a handler.
#[bindery::test]
async fn a_test_triggers_a_handler(env: Env, world: TestWorld) -> Outcome {
    world.trigger::<App>(&env, "*/20 3 * * *").await?;
    same!(notes(&env).await?.len(), 1);
    let error = world.trigger::<App>(&env, "0 0 * * *").await.err();
    let message = error.map(|error| error.to_string()).unwrap_or_default();
    same!(
        message,
        "worker scheduled: the environment has no cron `0 0 * * *`, it has `*/20 3 * * *`, \
         `0 12 * * MON-FRI`, `30 1 L * *`"
    );
    Ok(())
}

/// A server runs a handler on request.
#[tokio::test]
async fn a_server_triggers_a_handler() -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("scheduled");
    let _ = std::fs::remove_dir_all(&folder);
    let options = ServerOptions::default().state(&folder).triggers(true);
    let server = Server::<App>::start(options).await?;
    let env = server.env().clone();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(listener, async { drop(stopped.await) }));

    let send = async |query: &str, header: &str| {
        let request =
            format!("GET /__scheduled?{query} HTTP/1.1\r\nConnection: close\r\n{header}\r\n");
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok::<_, std::io::Error>(response)
    };
    let local = "Host: localhost\r\n";
    for (query, header, status) in [
        ("cron=*/20+3+*+*+*", local, "200"),
        ("cron=*%2F20%203%20*%20*%20*", local, "200"),
        ("cron=30+1+L+*+*", local, "503"),
        ("cron=0+0+*+*+*", local, "400"),
        ("", local, "400"),
        ("cron=*/20+3+*+*+*", "Host: example.com\r\n", "403"),
        (
            "cron=*/20+3+*+*+*",
            "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
            "403",
        ),
    ] {
        let response = send(query, header).await?;
        let found = response.split(' ').nth(1).unwrap_or_default();
        same!((query, header, found), (query, header, status));
    }
    same!(notes(&env).await?.len(), 3);

    drop((stop, env));
    serving.await?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
