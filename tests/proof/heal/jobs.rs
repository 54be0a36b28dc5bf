//! Jobs that take their time, find less than all, never end, or come to nothing (rows 68, 69 and 72).

use super::{begin, begun, calls, closed, cut, filled, reload, stage};
use crate::scene::wait;

#[test]
fn nothing_for_a_while_is_not_the_end() {
    let slow = "[rest.jobs]\nstart_delay = \"9s\"\nduration = \"3s\"\norder = \"shuffled\"\nrepeats = 0.3\n\
                [rest.deliveries]\npage_max = \"16KiB\"\n";
    let mut scene = begun(stage(slow));
    scene.watch();
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 2);
    filled(&scene);
    closed(&scene);
    for job in 1..=2 {
        let pulls = calls(&scene, 0).into_iter().filter(|call| call["call"] == "pull");
        let delivered = scene.told(0, "served").into_iter().filter(|page| page["job"] == job).count();
        assert!(delivered > 1, "job {job} has {delivered} pages");
        assert!(pulls.filter(|pull| pull["status"] == 204).count() > 4, "nothing came when nothing was there");
    }
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

/// What is done to a job as soon as it is prepared, and the words that its gap must have for it.
const LESS: &[(&str, &str)] = &[
    (r#""lose":5"#, "the server dropped some of what it kept for us"),
    (r#""fail_chunk":true"#, "the part from second"),
    (r#""sample":10"#, "only 10 per cent were sampled"),
    (r#""fail":true"#, "the query failed"),
    (r#""vanish":true"#, "the server answered 404"),
];

#[test]
fn a_job_that_finds_less_is_not_taken_for_all_and_says_what_is_missing() {
    let mut scene = begun(stage("[world]\nstreams = 5\n"));
    for (number, (change, _)) in LESS.iter().enumerate() {
        let job = number + 1;
        let cue = format!(r#"{{"when":{{"on_job":{job}}},"do":{{"rest":{{"job":{{"job":{job},{change}}}}}}}}}"#);
        scene.order(&cue);
    }
    scene.watch();
    // The first second of each job is one in which something was made.
    scene.holds("SELECT count(*) > 200 FROM interactions");
    let before = cut(&mut scene, "3s");
    begin(&mut scene, before + 5);
    for (_, words) in LESS {
        scene
            .holds(&format!("SELECT count(*) FROM backfills WHERE outcome <> 'complete' AND instr(detail, '{words}')"));
    }
    // Each is tried once more, and then nothing is wrong.
    reload(&mut scene);
    filled(&scene);
    assert!(scene.number("SELECT count(*) FROM backfills WHERE outcome = 'complete'") >= 5);
    let withheld = scene.told(0, "withheld");
    for why in ["expired", "chunk", "sample"] {
        assert!(withheld.iter().any(|line| line["why"] == why && line["told"] == true), "{why}: {withheld:?}");
    }
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn without_all_of_its_sources_a_gap_is_only_partly_filled() {
    let sources =
        r#"["bitly", "board", "disqus", "facebook", "facebook_page", "instagram", "reddit", "tumblr", "twitter"]"#;
    let archive = format!(
        "[rest.archive]\nsources = {sources}\n[rest.jobs]\nprepared = \"availability\"\n[world]\nstreams = 1\n"
    );
    let asked = "[backfill]\nsources = \"facebook, tumblr, twitter\"\ntries = 1\n";
    let mut scene = begun(stage(&archive).settings(asked));
    let before = cut(&mut scene, "3s");
    begin(&mut scene, before + 1);
    // The archive is not to blame: we did not ask for what the stream brings.
    scene.holds("SELECT count(*) FROM gaps WHERE state = 'partial' AND instr(detail, 'see backfill.sources')");
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE state = 'filled'"), 0);
    // Now we ask for all, and the archive says that it does not hold all.
    let all = "twitter, facebook, facebook_page, tumblr, bitly, board, disqus, instagram, reddit, wikipedia, wordpress, youtube";
    scene.settings(&format!("[backfill]\nsources = \"{all}\"\ntries = 2\n"));
    begin(&mut scene, before + 2);
    for lacking in ["youtube", "wordpress", "wikipedia"] {
        let words = format!("source {lacking} is archived to 0 per cent");
        scene.holds(&format!("SELECT count(*) FROM gaps WHERE state = 'partial' AND instr(detail, '{words}')"));
    }
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE state = 'filled'"), 0);
    scene.finish(&["stored", "healed", "in_gap"]);
}

#[test]
fn what_the_archive_lacks_without_a_word_cannot_be_known() {
    let archive = "[rest.archive]\nsources = [\"twitter\"]\n[world]\nstreams = 1\n";
    let mut scene = begun(stage(archive));
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 1);
    filled(&scene);
    scene.finish(&["stored", "healed", "withheld"]);
}

#[test]
fn a_job_that_never_ends_is_given_up_and_tried_again() {
    let mut scene = begun(stage("[world]\nstreams = 1\n").settings("[backfill]\ndeadline = \"12s\"\n"));
    scene.order(r#"{"when":{"on_job":1},"do":{"rest":{"job":{"job":1,"stuck_at":40,"status":"delayed"}}}}"#);
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 1);
    scene.holds("SELECT count(*) FROM gaps WHERE state = 'partial' AND instr(detail, 'not finished after 12 s')");
    // What it had by then is stored, and nothing of it is left at the server.
    assert!(scene.number("SELECT stored FROM backfills WHERE id = 1") > 0);
    wait("the job to be deleted", || {
        let jobs = scene.told(0, "job");
        jobs.iter().any(|job| job["job"] == 1 && job["status"] == "deleted").then_some(())
    });
    scene.settings("[backfill]\ndeadline = \"1h\"\n");
    reload(&mut scene);
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}
