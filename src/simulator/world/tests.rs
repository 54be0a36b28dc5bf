//! The world on its own: the same from the same seed, and always what it says it is.

use super::super::wire;
use super::*;
use serde_json::Value;

fn run(seed: u64, settings: &Settings) -> Vec<Happening> {
    let mut world = World::new(settings, &[], seed);
    (0..3000).filter_map(|n| world.next(1_350_753_020_000_000 + n * 700)).collect()
}

fn frames(happenings: &[Happening]) -> Vec<(usize, Bytes)> {
    let copies = happenings.iter().flat_map(|happening| &happening.copies);
    copies.map(|(place, framed)| (*place, framed.frame.clone())).collect()
}

#[test]
fn the_same_seed_makes_the_same_world_byte_for_byte() {
    let settings = Settings::default();
    assert_eq!(frames(&run(7, &settings)), frames(&run(7, &settings)));
    assert_ne!(frames(&run(7, &settings)), frames(&run(8, &settings)));
}

#[test]
fn every_frame_is_json_with_its_id_hash_and_date() {
    let settings = Settings { large: 0.01, huge: 0.001, ..Settings::default() };
    let mut world = World::new(&settings, &[], 3);
    let mut kinds = HashMap::new();
    for n in 0..3000 {
        let happening = world.next(1_350_753_020_900_000 + n).expect("a world with streams");
        *kinds.entry(happening.kind.name()).or_insert(0) += 1;
        for (place, framed) in &happening.copies {
            let read: Value = serde_json::from_slice(&wire::payload(&framed.frame)).expect("JSON");
            assert_eq!(read["hash"], world.channel(*place).unwrap().hash());
            assert_eq!(read["data"]["interaction"]["id"], happening.id.as_ref().unwrap().as_str());
            let data: Value = serde_json::from_slice(&framed.data).expect("JSON");
            assert_eq!(data, read["data"]);
            let deleted = read["data"]["deleted"] == true;
            assert_eq!(deleted, happening.kind == Kind::Delete, "decoys must not delete");
            if !deleted {
                let date = date(happening.created_us / 1_000_000);
                assert_eq!(read["data"]["interaction"]["created_at"].as_str().unwrap().as_bytes(), date);
            }
        }
    }
    assert!(kinds["interaction"] > 2500 && kinds["delete"] > 5 && kinds["duplicate"] > 5, "{kinds:?}");
}

#[test]
fn an_early_delete_is_followed_by_its_interaction() {
    let settings = Settings { deletes: 0.02, early_deletes: 1.0, ..Settings::default() };
    let happenings = run(5, &settings);
    let place = |id: &Name, kind: Kind| happenings.iter().position(|it| it.id.as_ref() == Some(id) && it.kind == kind);
    let deletes: Vec<&Name> =
        happenings.iter().filter(|it| it.kind == Kind::Delete).filter_map(|it| it.id.as_ref()).take(20).collect();
    assert_eq!(deletes.len(), 20);
    for id in deletes {
        assert!(place(id, Kind::Delete) < place(id, Kind::Interaction), "{}", id.as_str());
    }
}

#[test]
fn a_size_is_met_to_the_byte() {
    let mut world = World::new(&Settings::default(), &[], 1);
    for bytes in [1000, 1 << 20] {
        let happening = world.sized(0, None, bytes).unwrap();
        assert_eq!(happening.copies.first().unwrap().1.data.len(), bytes);
    }
}

#[test]
fn most_interactions_have_the_size_of_a_tweet_with_augmentations() {
    let mut world = World::new(&Settings::default(), &[], 1);
    let sizes: Vec<usize> = world
        .shelves
        .filled(Shelf::Ordinary, &Settings::default())
        .iter()
        .map(|template| {
            template
                .fill(&[b'0'; 32], &Particulars::new(Id::new(0, 0, &mut Rng::with_seed(1)), 0, 0, FIRST_SOURCE))
                .data
                .len()
        })
        .collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((1500..3000).contains(&mean), "mean size {mean}");
}

#[test]
fn the_three_forms_of_a_delete() {
    let hash = "4f3af38ad1c31646561bc814c3e69af5";
    let id = Name::Made(Id::new(0, 0, &mut Rng::with_seed(1)));
    let said = |form| {
        let framed = delete_frame(form, hash, &id, 170_890_901_852_405_762);
        serde_json::from_slice::<Value>(&wire::payload(&framed.frame)).unwrap()
    };
    let inner = json!({"id": id.as_str(), "type": "twitter"});
    assert_eq!(
        said(DeleteForm::Short),
        json!({"hash": hash, "data": {"deleted": true, "interaction": inner, "twitter": {"id": "170890901852405762"}}})
    );
    assert_eq!(said(DeleteForm::WithUser)["data"]["twitter"]["user"]["id"], 123_456_789);
    assert_eq!(said(DeleteForm::TopLevel)["deleted"], true);
}

#[test]
fn what_was_made_can_be_made_again_byte_for_byte() {
    let settings = Settings { large: 0.1, huge: 0.05, old: 0.3, duplicates: 0.2, ..Settings::default() };
    let mut world = World::new(&settings, &[], 5);
    let mut shelves = Vec::new();
    for now_us in 1_700_000_000_000_000..1_700_000_000_000_300 {
        let happening = world.next(now_us).unwrap();
        let (Some(Name::Made(id)), Some(recipe)) = (happening.id, happening.recipe) else { continue };
        if happening.kind == Kind::Delete {
            continue;
        }
        for (_, framed) in &happening.copies {
            assert_eq!(world.again(id, happening.created_us, &recipe).unwrap(), framed.data);
            let data: Value = serde_json::from_slice(&framed.data).unwrap();
            assert_eq!(data["interaction"]["type"], recipe.kind());
        }
        shelves.push(happening.copies[0].1.data.len());
    }
    assert!(shelves.len() > 200 && shelves.iter().any(|bytes| *bytes > 500_000), "{shelves:?}");
}
