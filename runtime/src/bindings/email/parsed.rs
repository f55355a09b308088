//! The parts of an email.

use std::time::{Duration, SystemTime};

use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};

/// An email and its parts. Encoded words and transfer encodings are decoded.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ParsedEmail {
    /// The id, without angle brackets.
    pub message_id: Option<String>,
    /// The ids of the emails that it answers.
    pub in_reply_to: Vec<String>,
    /// The ids of the emails before it in the conversation.
    pub references: Vec<String>,
    /// The senders.
    pub from: Vec<Mailbox>,
    /// The recipients.
    pub to: Vec<Mailbox>,
    /// The recipients of copies.
    pub cc: Vec<Mailbox>,
    /// The addresses for replies.
    pub reply_to: Vec<Mailbox>,
    /// The subject.
    pub subject: Option<String>,
    /// The time at which it was sent, according to the sender.
    pub date: Option<SystemTime>,
    /// The body as plain text; made from the HTML if there is no other.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// The attachments, and files that the HTML shows.
    pub attachments: Vec<Attachment>,
}

/// An address with the name of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mailbox {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// A file in an email.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The name of the file.
    pub name: Option<String>,
    /// The type of the content, such as `image/png`, according to the sender.
    pub content_type: Option<String>,
    /// The id by which the HTML refers to it, without angle brackets.
    pub content_id: Option<String>,
    /// The content.
    pub content: Vec<u8>,
}

impl ParsedEmail {
    pub(super) fn parse(raw: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(raw)?;
        let date = message.date().map(mail_parser::DateTime::to_timestamp);
        let date = date.and_then(|seconds| u64::try_from(seconds).ok());

        let text = message.body_text(0).map(|text| text.into_owned());
        let html = message.html_part(0).and_then(|part| match &part.body {
            PartType::Html(html) => Some(html.clone().into_owned()),
            _ => None,
        });
        Some(Self {
            message_id: message.message_id().map(str::to_owned),
            in_reply_to: ids(message.in_reply_to()),
            references: ids(message.references()),
            from: mailboxes(message.from()),
            to: mailboxes(message.to()),
            cc: mailboxes(message.cc()),
            reply_to: mailboxes(message.reply_to()),
            subject: message.subject().map(str::to_owned),
            date: date.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            text,
            html,
            attachments: attachments(&message),
        })
    }
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    let list = value.as_text_list().unwrap_or_default();
    list.iter().map(|id| id.clone().into_owned()).collect()
}

fn mailboxes(address: Option<&Address<'_>>) -> Vec<Mailbox> {
    let addresses = address.into_iter().flat_map(Address::iter);
    let mailboxes = addresses.filter_map(|address| {
        Some(Mailbox {
            name: address.name().map(str::to_owned),
            address: address.address()?.to_owned(),
        })
    });
    mailboxes.collect()
}

fn attachments(message: &Message<'_>) -> Vec<Attachment> {
    let attachments = message.attachments().map(|part| {
        let content_type = part.content_type();
        Attachment {
            name: part.attachment_name().map(str::to_owned),
            content_type: content_type.map(|ty| match ty.subtype() {
                Some(subtype) => format!("{}/{subtype}", ty.ctype()),
                None => ty.ctype().to_owned(),
            }),
            content_id: part.content_id().map(str::to_owned),
            content: part.contents().to_vec(),
        }
    });
    attachments.collect()
}
