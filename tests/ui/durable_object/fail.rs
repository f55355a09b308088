use bindery::durable_object::State;

#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    durable_object Room,
    durable_object User,
    durable_object Job,
}

pub struct Room;

#[bindery::durable_object]
impl Room {
    pub async fn join(&self) {}
}

pub struct User(State);

#[bindery::durable_object]
impl User {
    fn new(state: State, _: Env) -> Self {
        Self(state)
    }

    pub async fn rename(&mut self, name: String) {}

    pub async fn set<T: serde::Serialize>(&self, value: T) {}

    pub async fn add(&self, (from, to): (u8, u8)) {}

    pub async fn note(&self, text: impl AsRef<str>) {}

    fn alarm(&self) {}

    async fn fetch(&self) {}

    async fn on_web_socket_close(&self) {}

    async fn websocket_message(&self) {}

    async fn alarmed(&self) {}
}

pub struct Job(State);

#[bindery::durable_object]
impl Job {
    fn new(state: State, _: Env) -> Self {
        Self(state)
    }

    pub async fn take(&self, place: std::rc::Rc<u8>) -> std::time::Instant {
        std::time::Instant::now()
    }
}

fn calls(env: Env) {
    drop(env.jobs.by_name("a").tale(1));
}

pub struct Generic<T>(T);

#[bindery::durable_object]
impl<T> Generic<T> {
    fn new(_: State, _: Env) -> Self {
        loop {}
    }
}

fn main() {}
