//! What a run costs in round trips: counted between program and server, after connecting.

use crate::support::{Database, Project, Proxy};

/// The messages of one run, its outcome being success.
#[track_caller]
fn cost(project: &Project, proxy: &Proxy, database: &Database) -> usize {
    project
        .run_alone("-q")
        .at(database, &proxy.url(database))
        .gives(0, "", "");
    proxy.take_queries().len()
}

fn add(project: &Project, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        project.write(
            &format!("migrations/{number:03}_x.sql"),
            format!("CREATE TABLE t{number} (x int);\nINSERT INTO t{number} VALUES (1);\n"),
        );
    }
}

#[test]
fn nothing_pending_costs_two_round_trips_at_most() {
    let (project, database) = (Project::new(), Database::new());
    let proxy = Proxy::new(&database);
    add(&project, 1..=50);
    cost(&project, &proxy, &database);
    let nothing = cost(&project, &proxy, &database);
    assert!(nothing <= 2, "{nothing}");
}

#[test]
fn each_further_migration_costs_exactly_one_round_trip() {
    let (project, database) = (Project::new(), Database::new());
    let proxy = Proxy::new(&database);
    add(&project, 1..=1);
    cost(&project, &proxy, &database);
    add(&project, 2..=2);
    let one = cost(&project, &proxy, &database);
    add(&project, 3..=4);
    let two = cost(&project, &proxy, &database);
    add(&project, 5..=24);
    let twenty = cost(&project, &proxy, &database);
    assert_eq!((two - one, twenty - one), (1, 19), "{one}");
}
