//! The handler of emails, natively.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;

use bindery::{ErrorKind, Server, ServerOptions, TestWorld};
use conformance::{App, Env, Outcome, same};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const QUESTION: &str = include_str!("../emails/question.eml");
const AUTOMATIC: &str = include_str!("../emails/automatic.eml");

async fn notes(env: &Env) -> bindery::Result<Vec<String>> {
    let rows = env.db.noted().await?;
    Ok(rows.into_iter().map(|row| row.body).collect())
}

/// The parts of an email.
#[bindery::test]
async fn an_email_is_parsed(env: Env, world: TestWorld) -> Outcome {
    let outcome = world
        .email::<App>(&env, "ann@example.com", "store@example.net", QUESTION)
        .await?;
    same!(outcome, bindery::email::EmailOutcome::default());
    let expected = include_str!("../emails/question.txt").trim_end();
    same!(notes(&env).await?, [expected]);
    Ok(())
}

/// What a handler can do with an email.
#[bindery::test]
async fn an_email_is_forwarded_rejected_or_refused(env: Env, world: TestWorld) -> Outcome {
    let send = async |to: &str| {
        world
            .email::<App>(&env, "ann@example.com", to, QUESTION)
            .await
    };
    same!(
        send("forward@example.net").await?.forwarded,
        ["team@example.com"]
    );
    let rejected = send("reject@example.net").await?.rejected;
    same!(rejected.as_deref(), Some("nobody lives here"));
    let error = send("fail@example.net").await.err();
    same!(error.map(|error| error.kind()), Some(ErrorKind::Internal));
    Ok(())
}

/// A reply refers to the email, and programs do not get one.
#[bindery::test]
async fn an_email_is_answered(env: Env, world: TestWorld) -> Outcome {
    let send = async |raw: &'static str| {
        let (from, to) = ("ann@example.com", "reply@example.net");
        world.email::<App>(&env, from, to, raw).await
    };
    let outcome = send(QUESTION).await?;
    let [reply] = outcome.replies.as_slice() else {
        return Err(format!("one reply, not {outcome:?}").into());
    };
    for line in [
        "From: <reply@example.net>",
        "To: <ann@example.com>",
        "In-Reply-To: <1@example.com>",
        "References: <1@example.com>",
    ] {
        same!(
            (line, reply.lines().any(|found| found == line)),
            (line, true)
        );
    }

    same!(send(AUTOMATIC).await?.replies.len(), 0);
    same!(
        notes(&env).await?,
        [
            "email reply: this email cannot be replied to: a program has sent it; see \
          https://developers.cloudflare.com/email-routing/email-workers/reply-email-workers/"
        ]
    );
    // It can be read again by the same code.
    let stored = world.email::<App>(&env, "a@b.c", "store@example.net", reply.clone());
    stored.await?;
    let note = notes(&env).await?.pop().unwrap_or_default();
    same!(
        (note.contains("Grüße"), note.contains("<p>Grüße</p>")),
        (true, true)
    );
    Ok(())
}

/// A server receives emails by HTTP, and stores those that the worker sends in a Maildir.
#[tokio::test]
async fn a_server_receives_emails() -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("email");
    let _ = fs::remove_dir_all(&folder);
    let options = ServerOptions::default().state(&folder).triggers(true);
    let server = Server::<App>::start(options).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(listener, async { drop(stopped.await) }));

    let send = async |method: &str, query: &str, host: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "{method} /__email?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        let status = response.split(' ').nth(1).unwrap_or_default().to_owned();
        let (_, text) = response.split_once("\r\n\r\n").unwrap_or_default();
        Ok::<_, std::io::Error>((status, text.trim_end().to_owned()))
    };
    for (method, query, host, body, status, text) in [
        (
            "POST",
            "from=ann%40example.com&to=forward@example.net",
            "localhost",
            QUESTION,
            "200",
            "forwarded to team@example.com",
        ),
        (
            "POST",
            "from=ann@example.com&to=reply@example.net",
            "localhost",
            QUESTION,
            "200",
            "replied",
        ),
        (
            "POST",
            "from=ann@example.com&to=reject@example.net",
            "localhost",
            QUESTION,
            "200",
            "rejected: nobody lives here",
        ),
        (
            "POST",
            "from=ann@example.com&to=x@example.net",
            "localhost",
            QUESTION,
            "200",
            "accepted",
        ),
        (
            "POST",
            "from=ann@example.com&to=fail@example.net",
            "localhost",
            QUESTION,
            "500",
            "worker application: no email today",
        ),
        (
            "POST",
            "to=x@example.net",
            "localhost",
            QUESTION,
            "400",
            "send an email with POST /__email?from=ann@example.com&to=bob@example.com",
        ),
        (
            "GET",
            "from=a@b.c&to=x@example.net",
            "localhost",
            "",
            "400",
            "send the email as the body of a POST request",
        ),
        (
            "POST",
            "from=a@b.c&to=x@example.net",
            "example.com",
            QUESTION,
            "403",
            "/__email only responds at localhost, 127.0.0.1 or [::1]",
        ),
    ] {
        let found = send(method, query, host, body).await?;
        same!(
            (query, found),
            (query, (status.to_owned(), text.to_owned()))
        );
    }

    let mut stored = Vec::new();
    for entry in fs::read_dir(folder.join("email").join("new"))? {
        stored.push(fs::read_to_string(entry?.path())?);
    }
    stored.sort();
    let [forwarded, replied] = stored.as_slice() else {
        return Err(format!("two emails, not {}", stored.len()).into());
    };
    let envelope = "Return-Path: <ann@example.com>\r\nDelivered-To: team@example.com\r\n";
    same!(forwarded.strip_prefix(envelope), Some(QUESTION));
    let envelope = "Return-Path: <reply@example.net>\r\nDelivered-To: ann@example.com\r\n";
    same!(replied.starts_with(envelope), true);
    same!(fs::read_dir(folder.join("email").join("tmp"))?.count(), 0);

    drop(stop);
    serving.await?;
    let _ = fs::remove_dir_all(folder);
    Ok(())
}
