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
    let runtime = match tokio::runtime::Builder::new_current_thread().build() {
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
    use std::time::Instant;

    use bench::Env;
    use bindery::observe::Event;
    use bindery_sqlite::rusqlite::Row;

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
        let env: Env = bindery::in_memory()?;
        let watched: Env = bindery::in_memory()?;
        watched.observe(|event: &Event<'_>| {
            black_box(event.duration);
        });

        let bare = bindery_sqlite::rusqlite::Connection::open_in_memory()?;
        bare.execute_batch(include_str!("../migrations/0001_files.sql"))?;

        let sql = env.db.file_by_id(1).sql();
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
        report(&format!(
            "native point read, 8 columns, median of {ROUNDS} rounds of {READS}:"
        ));
        report(&format!(
            "  rusqlite, cached statement    {:7.2} us",
            each(by_hand)
        ));
        report(&format!(
            "  generated query, no observer  {:7.2} us   ratio {:.2}",
            each(generated),
            generated / by_hand
        ));
        report(&format!(
            "  generated query, one observer {:7.2} us   ratio {:.2}",
            each(observed),
            observed / by_hand
        ));
        gate(&report).await
    }

    /// Compares a call through the gate with a direct call of the backend.
    async fn gate(report: &impl Fn(&str)) -> Outcome<()> {
        let (mut direct, mut gated) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (without, with) = bindery::__private::gate_costs(READS as usize * 5).await?;
            direct.push(without.as_secs_f64());
            gated.push(with.as_secs_f64());
        }

        let (direct, gated) = (median(direct), median(gated));
        let each = |seconds: f64| seconds / (READS as f64 * 5.0) * 1e9;
        report("the gate without an observer, around a call that reads a value from KV in memory:");
        report(&format!(
            "  direct backend call           {:7.0} ns",
            each(direct)
        ));
        report(&format!(
            "  through the gate              {:7.0} ns   ratio {:.2}",
            each(gated),
            gated / direct
        ));
        Ok(())
    }
}
