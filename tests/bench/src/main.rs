//! The native benchmark: a point read through a generated query compared with a cached statement of
//! rusqlite, and a call with and without the gate. Compare the ratios: absolute times depend on the
//! machine.

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
#[expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark reports on standard output and panics on errors"
)]
fn main() {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => panic!("{error}"),
    };
    if let Err(error) = runtime.block_on(native::run(|line| println!("{line}"))) {
        panic!("{error}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::hint::black_box;
    use std::path::Path;
    use std::time::Instant;

    use bench::bindings::db::{AddLineParams, AddLinesParams};
    use bench::{App, Env};
    use bindery::observe::Event;
    use bindery::{Server, ServerOptions};
    use bindery_sqlite::rusqlite::{self, Connection, Row};

    const READS: i64 = 20_000;
    const ROUNDS: usize = 9;

    type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

    /// A row that is read without generated code.
    struct File {
        _id: i64,
        _user_id: String,
        _filename: String,
        _content_type: String,
        size_bytes: i64,
        _rating: Option<f64>,
        _note: Option<String>,
        _uploaded_at: String,
    }

    fn file(row: &Row<'_>) -> bindery_sqlite::rusqlite::Result<File> {
        Ok(File {
            _id: row.get(0)?,
            _user_id: row.get(1)?,
            _filename: row.get(2)?,
            _content_type: row.get(3)?,
            size_bytes: row.get(4)?,
            _rating: row.get(5)?,
            _note: row.get(6)?,
            _uploaded_at: row.get(7)?,
        })
    }

    fn median(mut times: Vec<f64>) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    pub(crate) async fn run(report: impl Fn(&str)) -> Outcome<()> {
        let bare = Connection::open_in_memory()?;
        bare.execute_batch(include_str!("../migrations/0001_files.sql"))?;
        let env: Env = bindery::in_memory()?;
        let watched: Env = bindery::in_memory()?;
        observe(&watched);
        report("native point read, 8 columns, in memory:");
        point_reads(&report, &bare, &env, &watched).await?;

        let folder = std::env::temp_dir().join(format!("bindery-bench-{}", std::process::id()));
        let state = |name: &str| ServerOptions::default().state(folder.join(name));
        let server = Server::<App>::start(state("a")).await?;
        let watched = Server::<App>::start(state("b")).await?;
        observe(watched.env());
        let file = folder.join("a/d1/bench.sqlite");
        let bare = Connection::open(&file)?;
        report("the same in a file:");
        point_reads(&report, &bare, server.env(), watched.env()).await?;
        concurrent_reads(&report, &file, server.env()).await?;
        inserts(&report, &folder, server.env()).await?;
        server.shutdown().await;
        watched.shutdown().await;
        std::fs::remove_dir_all(&folder)?;

        gate(&report).await?;
        tests(&report)
    }

    /// Measures empty tests of a worker with two migrations.
    fn tests(report: &impl Fn(&str)) -> Outcome<()> {
        const TESTS: u32 = 5000;
        let test = || {
            let options = bindery::__private::TestOptions::default();
            bindery::__private::test(options, |env: files::Env, _| async move {
                black_box(env);
            });
        };
        let time = std::thread::spawn(move || {
            let start = Instant::now();
            (0..TESTS).for_each(|_| test());
            start.elapsed()
        });
        let time = time.join().map_err(|_| "a test panicked")?;
        let rate = f64::from(TESTS) / time.as_secs_f64();
        report(&format!("tests with an empty body: {rate:.0} per second"));
        Ok(())
    }

    fn observe(env: &Env) {
        env.observe(|event: &Event<'_>| {
            black_box(event.duration);
        });
    }

    async fn point_reads(
        report: &impl Fn(&str),
        bare: &Connection,
        env: &Env,
        watched: &Env,
    ) -> Outcome<()> {
        let query = env.db.file_by_id(1);
        let sql = query.sql();
        let (mut by_hand, mut generated, mut observed) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = 0;
        for _ in 0..ROUNDS {
            // Every round measures all three, so that other load on the machine affects them alike.
            let start = Instant::now();
            for read in 0..READS {
                let found = bare
                    .prepare_cached(sql)?
                    .query_row([black_box(read % 1000 + 1)], file)?;
                seen += found.size_bytes;
            }
            by_hand.push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for read in 0..READS {
                seen -= env
                    .db
                    .file_by_id(black_box(read % 1000 + 1))
                    .await?
                    .map_or(0, |file| file.size_bytes);
            }
            generated.push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for read in 0..READS {
                black_box(watched.db.file_by_id(black_box(read % 1000 + 1)).await?);
            }
            observed.push(start.elapsed().as_secs_f64());
        }
        assert_eq!(seen, 0, "both read the same rows");

        let (by_hand, generated, observed) = (median(by_hand), median(generated), median(observed));
        let each = |seconds: f64| seconds / READS as f64 * 1e6;
        let line = |name: &str, seconds: f64| {
            let ratio = seconds / by_hand;
            report(&format!(
                "  {name:29} {:7.2} us   ratio {ratio:.2}",
                each(seconds)
            ));
        };
        line("rusqlite, cached statement", by_hand);
        line("generated query, no observer", generated);
        line("generated query, one observer", observed);
        Ok(())
    }

    /// Compares threads, each with its own connection, with 16 tasks.
    ///
    /// SQLite takes its locks with system calls unless another connection of the process holds
    /// them. More threads than cores are interrupted while they hold locks, so they look faster.
    async fn concurrent_reads(report: &impl Fn(&str), path: &Path, env: &Env) -> Outcome<()> {
        const READERS: i64 = 16;
        let cores = std::thread::available_parallelism()?.get() as i64;
        let sql = env.db.file_by_id(1).sql().to_owned();
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            times[0].push(threads(path, &sql, cores)?);
            times[1].push(threads(path, &sql, READERS)?);

            let start = Instant::now();
            let tasks = (0..READERS).map(|_| {
                let env = env.clone();
                tokio::spawn(async move {
                    for read in 0..READS / READERS {
                        black_box(env.db.file_by_id(black_box(read % 1000 + 1)).await?);
                    }
                    Ok::<_, bindery::Error>(())
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await??;
            }
            times[2].push(start.elapsed().as_secs_f64());
        }

        let [by_core, by_reader, generated] = times.map(median);
        let line = |name: &str, seconds: f64| {
            let (rate, ratio) = (READS as f64 / seconds, generated / seconds);
            report(&format!(
                "  {name:29} {rate:8.0} reads/s   ratio {ratio:.2}"
            ));
        };
        report("concurrent reads of the file:");
        line("rusqlite, a thread per core", by_core);
        line("rusqlite, 16 threads", by_reader);
        line("generated query, 16 tasks", generated);
        Ok(())
    }

    /// Reads with rusqlite on several threads, and returns the time in seconds.
    fn threads(path: &Path, sql: &str, count: i64) -> Outcome<f64> {
        let start = Instant::now();
        let threads = (0..count).map(|_| {
            let (path, sql) = (path.to_owned(), sql.to_owned());
            std::thread::spawn(move || -> rusqlite::Result<()> {
                let connection = Connection::open(path)?;
                for read in 0..READS / count {
                    let mut statement = connection.prepare_cached(&sql)?;
                    black_box(statement.query_row([black_box(read % 1000 + 1)], file)?);
                }
                Ok(())
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// Compares transactions that replace 1,000 rows of a file.
    async fn inserts(report: &impl Fn(&str), folder: &Path, env: &Env) -> Outcome<()> {
        const INSERTS: usize = 20;
        let mut bare = Connection::open(folder.join("bare.sqlite"))?;
        // As the native backend.
        bare.pragma_update(None, "journal_mode", "wal")?;
        bare.pragma_update(None, "synchronous", "normal")?;
        bare.execute_batch(include_str!("../migrations/0002_lines.sql"))?;
        let rows = bench::rows();
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..INSERTS {
                let transaction = bare.transaction()?;
                transaction.execute("DELETE FROM lines WHERE true", [])?;
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO lines (owner, text, bytes, rating) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for row in &rows {
                    insert.execute((row.owner, row.text, row.bytes, row.rating))?;
                }
                drop(insert);
                transaction.commit()?;
            }
            times[0].push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for _ in 0..INSERTS {
                let replaced = (env.db.clear_lines(), env.db.add_lines(&rows));
                black_box(env.db.batch(replaced).await?);
            }
            times[1].push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for _ in 0..INSERTS {
                let each = rows.iter().map(|row| {
                    let AddLinesParams {
                        owner,
                        text,
                        bytes,
                        rating,
                        ..
                    } = *row;
                    env.db.add_line(AddLineParams {
                        owner,
                        text,
                        bytes,
                        rating,
                    })
                });
                let replaced = (env.db.clear_lines(), each.collect::<Vec<_>>());
                black_box(env.db.batch(replaced).await?);
            }
            times[2].push(start.elapsed().as_secs_f64());
        }

        let [by_hand, bulk, batch] = times.map(median);
        let line = |name: &str, seconds: f64| {
            let (each, ratio) = (seconds / INSERTS as f64 * 1e3, seconds / by_hand);
            report(&format!("  {name:29} {each:7.2} ms   ratio {ratio:.2}"));
        };
        report("a transaction that replaces 1,000 rows of a file:");
        line("rusqlite, cached statement", by_hand);
        line("generated query, `:bulk`", bulk);
        line("a batch of 1,000 queries", batch);
        Ok(())
    }

    /// Compares a call through the gate with a direct call of the backend.
    async fn gate(report: &impl Fn(&str)) -> Outcome<()> {
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let costs = bindery::__private::gate_costs(READS as usize * 5).await?;
            for (times, cost) in times.iter_mut().zip(costs) {
                times.push(cost.as_secs_f64());
            }
        }

        let times = times.map(median);
        let each = |seconds: f64| seconds / (READS as f64 * 5.0) * 1e9;
        report("the gate around a call that reads a value from KV in memory:");
        let names = [
            "direct backend call",
            "through the gate",
            "with one observer",
            "with three observers",
        ];
        for (name, time) in names.into_iter().zip(times) {
            let (nanoseconds, ratio) = (each(time), time / times[0]);
            report(&format!(
                "  {name:29} {nanoseconds:7.0} ns   ratio {ratio:.2}"
            ));
        }
        Ok(())
    }
}
