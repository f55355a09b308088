//! The handler of emails. The tests of each backend send them.

use std::time::UNIX_EPOCH;

use bindery::email::{IncomingEmail, Mailbox, Reply};
use bindery::{Error, ErrorKind};

use crate::Env;

/// Does what the first part of the recipient says.
///
/// # Errors
/// For the recipient `fail`, and if the database fails.
pub async fn receive(mut email: IncomingEmail, env: Env) -> bindery::Result<()> {
    let (action, _) = email.to().split_once('@').unwrap_or_default();
    match action {
        "store" => {
            let text = describe(&mut email).await?;
            env.db.note(&text, 1).await.map(drop)
        }
        "forward" => email.forward("team@example.com").await,
        "reply" => {
            let reply = Reply::text("Grüße").html("<p>Grüße</p>");
            if let Err(error) = email.reply(&reply).await {
                env.db.note(&error.to_string(), 1).await?;
            }
            Ok(())
        }
        "reject" => {
            email.reject("nobody lives here");
            Ok(())
        }
        "fail" => Err(Error::new(ErrorKind::Internal, "no email today")),
        _ => Ok(()),
    }
}

/// Every part of an email, as one text.
async fn describe(email: &mut IncomingEmail) -> bindery::Result<String> {
    let parsed = email.parse().await?;
    let mailboxes = |list: &[Mailbox]| {
        let mailboxes = list.iter().map(|mailbox| {
            let name = mailbox.name.as_deref().unwrap_or("-");
            format!("{name} at {}", mailbox.address)
        });
        mailboxes.collect::<Vec<_>>().join("; ")
    };
    let date = parsed
        .date
        .and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let attachments = parsed.attachments.iter().map(|attachment| {
        let (name, ty) = (&attachment.name, &attachment.content_type);
        format!("{name:?} {ty:?} {:?}", attachment.content)
    });

    let lines = [
        format!("{} to {}, {} bytes", email.from(), email.to(), email.size()),
        format!("{} bytes read", email.read().await?.len()),
        format!(
            "{:?} {:?}",
            email.header("x-ticket"),
            email.header("x-none")
        ),
        format!(
            "{:?} {:?} {:?}",
            parsed.message_id, parsed.in_reply_to, parsed.references
        ),
        mailboxes(&parsed.from),
        mailboxes(&parsed.to),
        mailboxes(&parsed.cc),
        mailboxes(&parsed.reply_to),
        format!("{:?} {:?}", parsed.subject, date.map(|date| date.as_secs())),
        format!("{:?} {:?}", parsed.text, parsed.html),
        attachments.collect::<Vec<_>>().join("; "),
    ];
    Ok(lines.join("\n"))
}
