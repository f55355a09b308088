//! Sets of databases with one schema.

mod group;
mod marks;
mod mover;
mod references;
mod route;
mod source;

use std::fmt::{self, Display, Write};
use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;

use super::{D1, Database};
use crate::error::Result;

pub use mover::{Moved, Mover};
use route::MovingKey;

/// The queries that run at once. Workers open six connections for each request.
///
/// <https://developers.cloudflare.com/workers/platform/limits/#simultaneous-open-connections>
const CONCURRENT_QUERIES: usize = 6;

/// Several databases with one schema, for more rows than one database holds. The settings declare
/// it.
///
/// Each row is in the database that the hash of a key selects, for instance of the id of a user.
/// The key and the names of the bindings determine the database, so do not rename the bindings.
///
/// # Examples
/// ```
/// # use bindery::d1::{Database, One, Query, Shards};
/// # trait Count { fn count_files(&self) -> Query<'_, One<i64>>; }
/// # struct Env<D> { users: Shards<D> }
/// # async fn f<D: Database + Count + Sync>(env: &Env<D>, user: &str) -> bindery::Result<()> {
/// let of_user = env.users.shard(user).count_files().await?;
/// let of_each = env.users.all(|users| users.count_files()).await?;
/// println!("{of_user} of {} files", of_each.iter().sum::<i64>());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Shards<D> {
    /// The databases that are joining are last.
    members: Arc<[Member<D>]>,
    /// The column of each table with the key.
    key: &'static [(&'static str, &'static str)],
}

#[derive(Debug)]
struct Member<D> {
    node: Node,
    database: D,
}

/// A database of a set, for the choice of one by a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    /// The name of the binding.
    name: &'static str,
    hash: u64,
    /// Whether rows are moved to it, and it is not a member yet.
    is_joining: bool,
}

impl Node {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn new(name: &'static str, is_joining: bool) -> Self {
        Self {
            name,
            hash: mix(hash(&name)),
            is_joining,
        }
    }
}

impl<D: Database> Shards<D> {
    pub(crate) fn new(
        members: Vec<(Node, D)>,
        key: &'static [(&'static str, &'static str)],
    ) -> Self {
        let members = members.into_iter();
        let members = members.map(|(node, database)| Member { node, database });
        Self {
            members: members.collect(),
            key,
        }
    }

    /// Returns the database with the rows of a key.
    ///
    /// Keys are equal if their texts are: 1 and `"1"` are one key. The text must be that of the
    /// stored value, so pass the value that the columns have. While a database joins the set,
    /// a query of the returned database first checks where the rows of the key are.
    pub fn shard(&self, key: impl Display) -> D {
        let nodes = || self.members.iter().map(|member| &member.node);
        let hash = hash(&key);
        let (from, to) = homes(nodes(), hash);
        let database = &self.members[from].database;
        if from == to {
            return database.clone();
        }

        let route = MovingKey {
            key: key.to_string(),
            from: self.members[from].node.name,
            to: self.members[to].node.name,
            target: D1::clone(&self.members[to].database),
        };
        D::of(D1::clone(database).with_route(Arc::new(route)))
    }

    /// Runs a query on each database, up to six at once, and returns the results in the order of
    /// the settings.
    ///
    /// While a database joins the set, a row that is being moved can be found twice, and a write
    /// can be lost: write with [`shard`](Self::shard).
    ///
    /// # Errors
    /// The first error in the order of the databases. The query has run on all of them.
    pub fn all<'s, T, Q>(&'s self, query: impl Fn(&'s D) -> Q) -> BoxFuture<'s, Result<Vec<T>>>
    where
        T: Send + 's,
        Q: IntoFuture<Output = Result<T>>,
        Q::IntoFuture: Send + 's,
    {
        let start = |is_joining: bool| {
            let members = self.members.iter();
            let members = members.filter(move |member| member.node.is_joining == is_joining);
            let queries = members.map(|member| query(&member.database).into_future());
            stream::iter(queries.collect::<Vec<_>>()).buffered(CONCURRENT_QUERIES)
        };
        // In this order, no row is missed: it is deleted after it has been copied.
        let results = start(false).chain(start(true));
        Box::pin(async move {
            let results: Vec<Result<T>> = results.collect().await;
            results.into_iter().collect()
        })
    }

    /// Returns each database and the name of its binding.
    ///
    /// Its queries do not check where the rows of a key are. While a database joins, a write can be
    /// lost: use [`shard`](Self::shard).
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &D)> {
        let members = self.members.iter();
        members.map(|member| (member.node.name, &member.database))
    }

    /// Returns the number of databases.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Moves rows to the databases that are joining the set. Await it to run it.
    ///
    /// All steps are in the
    /// [manual](https://github.com/bindery/bindery/tree/main/docs/book/src/shards.md).
    ///
    /// # Errors
    /// A row that cannot be moved, such as one whose primary key the new database has. Its key and
    /// the keys that were not moved yet stay where they are.
    ///
    /// # Examples
    /// ```
    /// # use bindery::d1::{Database, Shards};
    /// # async fn f<D: Database>(users: &Shards<D>) -> bindery::Result<()> {
    /// let moved = users.mover().limit(2000).await?;
    /// println!("{} keys, complete: {}", moved.keys, moved.is_complete);
    /// # Ok(()) }
    /// ```
    pub fn mover(&self) -> Mover<'_> {
        let members = self.members.iter();
        let members = members.map(|member| (member.node, &*member.database));
        Mover::new(members.collect(), self.key)
    }
}

/// Returns the positions of the databases for a key: before and after rows are moved.
///
/// This is rendezvous hashing: the database with the highest score has the key. One more database
/// takes keys of all others, and no other key moves.
fn homes<'n>(nodes: impl Iterator<Item = &'n Node> + Clone, key: u64) -> (usize, usize) {
    let best = |joining: bool| {
        let candidates = nodes.clone().enumerate();
        let candidates = candidates.filter(|(_, node)| joining || !node.is_joining);
        let score = |node: &Node| (mix(key.wrapping_add(node.hash)), node.name);
        let best = candidates.max_by_key(|(_, node)| score(node));
        best.map(|(position, _)| position)
    };
    let after = best(true).unwrap_or(0);
    (best(false).unwrap_or(after), after)
}

/// FNV-1a of a text.
fn hash(text: &(impl Display + ?Sized)) -> u64 {
    struct Hasher(u64);

    impl Write for Hasher {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            Ok(())
        }
    }

    let mut hasher = Hasher(0xcbf2_9ce4_8422_2325);
    // Only a failing `Display` can fail, and then the text is a prefix.
    let _ = write!(hasher, "{text}");
    hasher.0
}

/// The last step of `SplitMix64`: each bit of the result depends on all bits.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Node, hash, homes, mix};

    fn nodes(count: usize) -> Vec<Node> {
        const NAMES: [&str; 5] = ["USERS_0", "USERS_1", "USERS_2", "USERS_3", "USERS_4"];
        let names = NAMES.iter().take(count).enumerate();
        names
            .map(|(index, name)| Node::new(name, index == 4))
            .collect()
    }

    /// Another result would look for rows in the wrong database.
    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(mix(1), 0x5692_161d_100b_05e5);
        let homes: Vec<usize> = ["1", "2", "ann", "", "\u{1f600}"]
            .iter()
            .map(|key| homes(nodes(4).iter(), hash(key)).0)
            .collect();
        assert_eq!(homes, [2, 0, 2, 1, 1]);
    }

    #[test]
    fn keys_are_balanced_and_only_move_to_a_new_database() {
        const KEYS: usize = 100_000;
        let nodes = nodes(5);
        let (mut counts, mut moved) = ([0_usize; 5], 0);
        for key in 0..KEYS {
            let (from, to) = homes(nodes.iter(), hash(&key));
            counts[from] += 1;
            assert!(to == from || to == 4);
            moved += usize::from(to != from);
        }
        assert_eq!(counts[4], 0);
        let quarter = KEYS / 4;
        let is_balanced = |count: &usize| count.abs_diff(quarter) < quarter / 50;
        assert!(counts[..4].iter().all(is_balanced), "{counts:?}");
        assert!(moved.abs_diff(KEYS / 5) < KEYS / 250, "{moved}");
    }
}
