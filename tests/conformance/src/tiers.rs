//! Values in several caches.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::cache::{EdgeCache, Policy, TieredCache};
use bindery::observe::Event;
use bindery::{Context, Error, ErrorKind, time};
use futures_util::future::join;

use crate::{Env, Outcome, same};

const MINUTE: Duration = Duration::from_secs(60);
/// Long enough for a few calls, and short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

type Loaded = Result<Option<String>, Error>;

fn value(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn failed() -> Error {
    Error::other("the origin does not answer")
}

/// The three tiers, each also alone. `case` separates the values of the cases.
fn tiers(env: &Env, case: &str, policy: Policy) -> [TieredCache; 4] {
    let cache = TieredCache::new(case, policy);
    let base = format!("https://cache.example.com/{case}");
    let edge = |cache: TieredCache| cache.edge(EdgeCache::default(), base.clone());
    [
        edge(cache.clone()),
        cache.clone().kv(&env.cache),
        cache.clone().d1(&env.db, "cache"),
        edge(cache).kv(&env.cache).d1(&env.db, "cache"),
    ]
}

/// Each tier keeps values of any type, and the absence of a value.
pub async fn values_of_tiers(env: Env) -> Outcome {
    let policy = Policy::new(MINUTE).negative(MINUTE).jitter(50);
    for (index, cache) in tiers(&env, "values", policy).into_iter().enumerate() {
        let tier = ["edge", "kv", "d1", "edge"][index];
        same!(cache.get::<String>("a").await?, None);
        cache.put("a", Some(&vec![(1, "x\u{1f600}\"")])).await?;
        let found = cache.get::<Vec<(u8, String)>>("a").await?.ok_or("stored")?;
        same!(found.value, Some(vec![(1, "x\u{1f600}\"".to_owned())]));
        same!((found.tier, found.is_stale), (tier, false));

        // Another type is as good as no value.
        same!(cache.get::<u8>("a").await?, None);
        cache.put::<String>("none", None).await?;
        let found = cache.get::<String>("none").await?.ok_or("stored")?;
        same!(found.value, None);
        cache.put("unit", Some(&Option::<u8>::None)).await?;
        let found = cache.get::<Option<u8>>("unit").await?.ok_or("stored")?;
        same!(found.value, Some(None));

        cache.remove("a").await?;
        same!(cache.get::<Vec<(u8, String)>>("a").await?, None);
        cache.remove("a").await?;
        cache.remove("none").await?;
        cache.remove("unit").await?;

        let long = "k".repeat(520);
        let error = cache.get::<u8>(&long).await.err().ok_or("too long")?;
        same!(error.kind(), ErrorKind::TooLarge);
    }
    // A tier that cannot work is an error.
    let wrong = TieredCache::new("wrong", policy).d1(&env.db, "no_such_table");
    let error = wrong.get::<u8>("a").await.err().ok_or("no such table")?;
    same!(error.kind(), ErrorKind::InvalidArgument);
    let wrong = TieredCache::new("wrong", policy).edge(EdgeCache::default(), "no URL");
    let error = wrong.get::<u8>("a").await.err().ok_or("no URL")?;
    same!(error.kind(), ErrorKind::InvalidArgument);

    // Without a time for it, the absence of a value is not stored.
    let [_, cache, ..] = tiers(&env, "values", Policy::new(MINUTE));
    cache.put("a", Some(&1)).await?;
    cache.put::<u8>("a", None).await?;
    same!(cache.get::<u8>("a").await?, None);
    Ok(())
}

/// A value that only a later tier has is copied into those before, and each lookup is measured.
pub async fn lookups_fill_the_tiers_before(env: Env) -> Outcome {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&lines);
    env.observe(move |event: &Event<'_>| {
        let names = ["cache.hit", "cache.tier"];
        let attributes = event.attributes().into_iter();
        let attributes = attributes.filter(|(name, _)| names.contains(name));
        let values: Vec<String> = attributes.map(|(_, value)| value).collect();
        if let (true, Ok(mut lines)) = (event.operation == "lookup", observed.lock()) {
            lines.push(format!("{} {}", event.binding, values.join(" ")));
        }
    });

    let loads = AtomicU32::new(0);
    let load = || async {
        loads.fetch_add(1, Ordering::Relaxed);
        Loaded::Ok(value("loaded"))
    };
    let [edge, kv, d1, all] = tiers(&env, "fill", Policy::new(MINUTE));
    same!(all.read_through("a", load).await?, value("loaded"));
    same!(all.read_through("a", load).await?, value("loaded"));
    edge.remove("a").await?;
    same!(all.read_through("a", load).await?, value("loaded"));
    same!(edge.get::<String>("a").await?.is_some(), true);
    edge.remove("a").await?;
    kv.remove("a").await?;
    same!(all.read_through("a", load).await?, value("loaded"));
    same!(kv.get::<String>("a").await?.is_some(), true);
    same!(loads.load(Ordering::Relaxed), 1);
    d1.remove("a").await?;

    let lines = lines.lock().map_err(|_| "the observer panicked")?;
    let expected = [
        "fill false",
        "fill true edge",
        "fill true kv",
        "fill true edge",
        "fill true d1",
        "fill true kv",
    ];
    same!(*lines, expected);
    Ok(())
}

/// A value is loaded when it is no longer fresh. If that fails, the stale value is used.
pub async fn stale_values(env: Env) -> Outcome {
    let policy = Policy::new(SHORT).stale(MINUTE);
    for cache in tiers(&env, "stale", policy) {
        let start = time::Instant::now();
        same!(
            cache
                .read_through("a", || async { Loaded::Ok(value("1")) })
                .await?,
            value("1")
        );
        let second = cache.read_through("a", || async { Loaded::Ok(value("2")) });
        let second = second.await?;
        if start.elapsed() < SHORT {
            same!(second, value("1"));
        } else {
            // The machine was too slow: the value was stale, and another one was loaded.
            cache.put("a", Some(&"1")).await?;
        }
        time::sleep(SHORT + SHORT / 4).await;
        same!(
            cache.get::<String>("a").await?.map(|found| found.is_stale),
            Some(true)
        );
        same!(
            cache
                .read_through("a", || async { Loaded::Err(failed()) })
                .await?,
            value("1")
        );
        let start = time::Instant::now();
        same!(
            cache
                .read_through("a", || async { Loaded::Ok(value("3")) })
                .await?,
            value("3")
        );
        let is_stale = cache.get::<String>("a").await?.map(|found| found.is_stale);
        same!(is_stale == Some(false) || start.elapsed() >= SHORT, true);
        cache.remove("a").await?;
        same!(
            cache
                .read_through("a", || async { Loaded::Err(failed()) })
                .await
                .is_err(),
            true
        );
    }

    for cache in tiers(&env, "expired", Policy::new(SHORT).negative(SHORT)) {
        let start = time::Instant::now();
        cache.put("a", Some(&1)).await?;
        let none = cache.read_through("none", || async { Result::<Option<u8>, Error>::Ok(None) });
        same!(none.await?, None);
        let is_some = cache.get::<u8>("none").await?.is_some();
        same!(is_some || start.elapsed() >= SHORT, true);
        time::sleep(SHORT + SHORT / 4).await;
        same!(cache.get::<u8>("a").await?, None);
        same!(cache.get::<u8>("none").await?, None);
    }
    Ok(())
}

/// What a reader sees after a write, in each tier.
pub async fn staleness_after_a_write(env: Env) -> Outcome {
    for cache in tiers(&env, "written", Policy::new(MINUTE)) {
        let read = || cache.read_through("a", || async { Loaded::Ok(value("old")) });
        same!(read().await?, value("old"));

        // The write stores the new value, or deletes the old one, once it has succeeded.
        let write = cache.write_through("a", async { Ok::<_, Error>("new") });
        same!(write.await?, "new");
        same!(read().await?, value("new"));
        // An error can hide a write that has succeeded.
        let failing = cache.write_through("a", async { Err::<String, _>(failed()) });
        same!(failing.await.is_err(), true);
        same!(read().await?, value("old"));
        cache.put("a", Some(&"new")).await?;
        let failing = cache.remove_after(&["a"], async { Err::<(), _>(failed()) });
        same!(failing.await.is_err(), true);
        same!(read().await?, value("old"));
        cache.put("a", Some(&"new")).await?;
        cache
            .remove_after(&["a", "b"], async { Ok::<_, Error>(()) })
            .await?;
        same!(read().await?, value("old"));
        cache.remove("a").await?;

        // A reader that is slower than the write stores what it read before it.
        let origin = Mutex::new("old");
        let at = |origin: &Mutex<&'static str>| origin.lock().map(|text| *text).unwrap_or("");
        let slow = cache.read_through("a", || async {
            let text = at(&origin);
            time::sleep(SHORT).await;
            Loaded::Ok(value(text))
        });
        let write = async {
            time::sleep(SHORT / 4).await;
            let write = async {
                if let Ok(mut text) = origin.lock() {
                    *text = "new";
                }
                Ok::<_, Error>(())
            };
            cache.remove_after(&["a"], write).await
        };
        let (read_by_slow, written) = join(slow, write).await;
        written?;
        same!(read_by_slow?, value("old"));
        let next = cache.read_through("a", || async { Loaded::Ok(value(at(&origin))) });
        same!(next.await?, value("old"));
        cache.remove("a").await?;
    }
    Ok(())
}

/// A new version of a group makes its values outdated, also those that are stored later.
pub async fn groups_of_values(env: Env) -> Outcome {
    let [edge, kv, d1, all] = tiers(&env, "groups", Policy::new(MINUTE));
    for cache in [kv, d1, all] {
        let group = cache.group("user 1").await?;
        let other = cache.group("user 2").await?;
        group.put("a", Some(&1)).await?;
        other.put("a", Some(&2)).await?;
        same!(cache.get::<u8>("a").await?, None);
        cache.invalidate_group("user 1").await?;
        // A slow reader still has the group from before.
        group.put("b", Some(&1)).await?;

        let group = cache.group("user 1").await?;
        same!(group.get::<u8>("a").await?, None);
        same!(group.get::<u8>("b").await?, None);
        let other = cache.group("user 2").await?;
        same!(
            other.get::<u8>("a").await?.and_then(|found| found.value),
            Some(2)
        );
        cache.invalidate_group("user 2").await?;
    }
    let error = edge.group("user").await.err().ok_or("no tier is shared")?;
    same!(error.kind(), ErrorKind::InvalidArgument);
    Ok(())
}

/// Expired values in a table are deleted by a cron.
pub async fn cleaning_up(env: Env) -> Outcome {
    let [.., d1, all] = tiers(&env, "clean", Policy::new(Duration::from_millis(10)));
    d1.put("a", Some(&1)).await?;
    time::sleep(Duration::from_millis(1100)).await;
    same!(all.clean_up().await?, 1);
    same!(all.clean_up().await?, 0);
    Ok(())
}

/// The keys of a cache, which the others do not use.
fn keys(index: usize) -> [&'static str; 3] {
    [
        ["a0", "b0", "c0"],
        ["a1", "b1", "c1"],
        ["a2", "b2", "c2"],
        ["a3", "b3", "c3"],
    ][index]
}

/// Loads and writes in the background. The second part runs after the background work.
pub async fn in_the_background(env: Env, context: Context) -> Outcome {
    for (index, cache) in tiers(&env, "back", Policy::new(SHORT).stale(MINUTE))
        .iter()
        .enumerate()
    {
        let [key, behind, failing] = keys(index);
        let read = |text: &'static str| {
            let load = move || async move { Loaded::Ok(value(text)) };
            cache.stale_while_revalidate(key, &context, load)
        };
        same!(read("1").await?, value("1"));
        same!(read("2").await?, value("1"));
        time::sleep(SHORT + SHORT / 4).await;
        same!(read("3").await?, value("1"));

        let database = env.db.clone();
        let note = async move { database.note("behind", index as i64).await.map(|_| ()) };
        cache.write_behind(behind, &"b", &context, note).await?;
        let fails = async { Err::<(), _>(failed()) };
        cache.write_behind(failing, &"c", &context, fails).await?;
    }
    Ok(())
}

/// What the background work has done.
pub async fn after_the_background(env: Env) -> Outcome {
    for (index, cache) in tiers(&env, "back", Policy::new(SHORT).stale(MINUTE))
        .iter()
        .enumerate()
    {
        let [key, behind, failing] = keys(index);
        let found = |key: &'static str| {
            let found = cache.get::<String>(key);
            async move { Ok::<_, Error>(found.await?.and_then(|found| found.value)) }
        };
        same!(found(key).await?, value("3"));
        same!(found(behind).await?, value("b"));
        same!(found(failing).await?, None);
    }
    same!(env.db.noted().await?.len(), 4);
    Ok(())
}
