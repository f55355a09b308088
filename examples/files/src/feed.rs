//! What happens to the files of a user, live in every window of the user.

use bindery::durable_object::State;
use bindery::{Request, Response};
use serde::{Deserialize, Serialize};

use crate::Env;

/// The open windows of one user. Their WebSockets stay open while the object hibernates.
#[derive(Debug)]
pub struct Feed {
    state: State,
}

/// Something that happened to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What happened.
    pub kind: Kind,
    /// The id of the file.
    pub file: i64,
    /// The name of the file, unless it was deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filename: Option<String>,
}

/// What can happen to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It was uploaded.
    Uploaded,
    /// A job has processed it.
    Processed,
    /// The job failed on every attempt.
    Failed,
    /// It was deleted.
    Deleted,
}

#[bindery::durable_object]
impl Feed {
    fn new(state: State, _env: Env) -> Self {
        Self { state }
    }

    /// Sends an activity to every window.
    pub async fn publish(&self, activity: &Activity) -> bindery::Result<()> {
        self.state.broadcast_json(activity)?;
        Ok(())
    }

    async fn fetch(&self, request: Request) -> bindery::Result<Response> {
        let (_, response) = self.state.accept_web_socket(&request, &[])?;
        Ok(response)
    }
}

/// Tells the windows of a user what happened. Without them everything else works as well, so an
/// error is only logged.
pub async fn announce(env: &Env, user: &str, kind: Kind, file: i64, filename: Option<String>) {
    let activity = Activity {
        kind,
        file,
        filename,
    };
    if let Err(error) = env.feeds.by_name(user).publish(&activity).await {
        bindery::println!("the feed has missed {kind:?}: {error}");
    }
}
