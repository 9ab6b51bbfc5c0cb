//! How fast it is: `cargo test -p firth-wal --release --test log speed -- --ignored --nocapture`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::time::{Duration, Instant};

use firth_wal::{Durability, FileDisk};

use super::*;

fn file_log(name: &str, durability: Durability) -> (Log, PathBuf) {
    let folder = std::env::temp_dir().join(format!("firth-speed-{name}-{}", std::process::id()));
    let options = Options { durability, ..Options::default() };
    let (log, _) = Log::open(&folder, Arc::new(FileDisk), options).unwrap();
    (log, folder)
}

#[test]
#[ignore = "a measurement"]
fn speed_of_always() {
    for threads in [1u32, 16] {
        let (log, folder) = file_log("always", Durability::Always);
        let start = Instant::now();
        let done: u64 = std::thread::scope(|scope| {
            let append = || {
                let mut done = 0;
                while start.elapsed() < Duration::from_secs(2) {
                    let lsn = log.append(&[7; 64]).unwrap();
                    log.commit();
                    log.wait_durable(lsn).unwrap();
                    done += 1;
                }
                done
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let rate = done as f64 / start.elapsed().as_secs_f64();
        println!("always, {threads} threads: {rate:.0} appends/s, {} syncs", log.stats().syncs);
        drop(log);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_never() {
    // Less than a segment: a sync at its end would measure the disk.
    const COUNT: u32 = 700_000;
    let (log, folder) = file_log("never", Durability::Never);
    let start = Instant::now();
    for i in 0..COUNT {
        log.append(&[7; 64]).unwrap();
        if i % 100 == 99 {
            log.commit();
        }
    }
    println!("never: {} ns per append", start.elapsed().as_nanos() / u128::from(COUNT));
    log.close().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
