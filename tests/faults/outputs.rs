//! Nobody listens: the work goes on, and the exit code tells its result.

use crate::guard;
use crate::invariants::{Lab, Step};

fn files() -> Lab {
    Lab::new()
        .whole(
            "001_t.sql",
            "CREATE TABLE t (x int);\nDO $$BEGIN RAISE NOTICE 'said'; END$$;",
        )
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        )
        .whole(
            "003_u.sql",
            "CREATE TABLE u (x int);\nDO $$BEGIN RAISE WARNING 'said'; END$$;",
        )
}

#[test]
fn a_full_output_does_not_end_a_run() {
    let _guard = guard::shared(60);
    let lab = files();
    for (stdout, stderr) in [
        ("/dev/full", "/dev/null"),
        ("/dev/null", "/dev/full"),
        ("/dev/full", "/dev/full"),
    ] {
        let outcome = lab.run("").stdout_to(stdout).stderr_to(stderr).outcome();
        outcome.exits(0);
        lab.check_after(&outcome);
        let outcome = lab
            .run("status")
            .stdout_to(stdout)
            .stderr_to(stderr)
            .outcome();
        assert!(outcome.code().is_some(), "{outcome}");
        lab.reset();
    }
    lab.check_nothing_left();
}

#[test]
fn a_closed_output_does_not_end_a_run() {
    let _guard = guard::shared(60);
    let lab = files();
    for closed in [
        ">&-",
        "2>&-",
        ">&- 2>&-",
        "<&- >&- 2>&-",
        "| true",
        "2>&1 | true",
    ] {
        // The exit code of the program, not that of what it is piped into.
        let script = format!("exec 9>code; {{ \"$0\" \"$@\"; echo $? >&9; }} {closed}");
        lab.run("").through("/bin/bash", &["-c", &script]).outcome();
        let code = std::fs::read_to_string(lab.folder().join("code")).expect("an exit code");
        assert_eq!(code.trim(), "0", "{closed}");
        lab.check();
        lab.check_nothing_left();
        assert_eq!(
            lab.database
                .value("SELECT count(*) FROM schema_migrations WHERE status = 'applied'"),
            "3",
            "{closed}"
        );
        lab.reset();
    }
}

#[test]
fn a_failure_that_nobody_hears_is_in_the_exit_code_and_the_history() {
    let _guard = guard::shared(60);
    let mut lab = files();
    lab.add_whole("004_fails.sql", "SELECT 1/0;");
    lab.run("")
        .stdout_to("/dev/full")
        .stderr_to("/dev/full")
        .outcome()
        .exits(1);
    lab.check();
    lab.check_nothing_left();
}
