//! What is ingested, counted and left out.

use std::path::Path;

use kumi_formats::vcf::{BcfReader, Reader};
use kumi_index::Index;
use kumi_proto::v1;
use kumi_proto::v1::spec::Kind;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use super::gvcf::{carry, given};
use super::house::House;

/// Three samples' gVCFs as another caller wrote them, carried through.
fn gvcfs(house: &House, reference: &v1::Reference) -> Vec<(String, v1::Manifest)> {
    let base = |position: u32| {
        let index = Index::open(Path::new(&reference.path)).expect("an index");
        let interval = Interval {
            contig: ContigId(0),
            start: position - 1,
            end: position,
        };
        let mut bases = Vec::new();
        index.view().bases(interval, &mut bases);
        char::from(bases[0])
    };
    let other = if base(200) == 'T' { 'C' } else { 'T' };
    let calls = [
        "0/1:90:90,0,90,120,120,150",
        "1/1:60:150,60,0,150,90,150",
        "0/1:80:80,0,80,120,120,150",
    ];
    let sample = |(number, call): (usize, &str)| {
        let name = format!("S{}", number + 1);
        let block = |start: u32, end: u32| {
            let base = base(start);
            format!("c {start} . {base} <NON_REF> . . END={end} GT:GQ:PL 0/0:60:0,60,600\n")
        };
        let record = format!(
            "c 200 . {} {other},<NON_REF> 50 . . GT:GQ:PL {call}\n",
            base(200)
        );
        let lines = [block(100, 199), record, block(201, 1_000)].concat();
        let path = given(house, &name, &lines);
        let spec = v1::Spec {
            directory: format!("p/samples/{name}/run"),
            ..carry(house, reference, &path, &name)
        };
        (name, house.done(spec))
    };
    calls.into_iter().enumerate().map(sample).collect()
}

/// Two regions, so that there are two segments of a batch.
fn regions(house: &House) -> Vec<v1::Region> {
    let region = |(start, end)| v1::Region {
        contig: house.contig().name.clone(),
        start,
        end,
    };
    [(99, 500), (500, 1_000)].map(region).to_vec()
}

fn ingest(
    house: &House,
    reference: &v1::Reference,
    members: &[(String, v1::Manifest)],
    (directory, source): (&str, Option<v1::Manifest>),
) -> v1::Manifest {
    let ingest = v1::IngestSpec {
        reference: Some(reference.clone()),
        cohort: "trio".to_owned(),
        samples: members.iter().map(|(sample, _)| sample.clone()).collect(),
        gvcfs: members.iter().map(|(_, gvcf)| gvcf.clone()).collect(),
        regions: regions(house),
        source,
    };
    house.done(house.spec(directory, Kind::Ingest(ingest)))
}

/// Census and genotypes of a batch without some are those of the others.
#[test]
fn who_is_excluded_leaves_no_trace() {
    let (house, reference) = House::with_index(1);
    let members = gvcfs(&house, &reference);
    let all = ingest(&house, &reference, &members, ("p/work/all", None));
    let others = ingest(&house, &reference, &members[1..], ("p/work/others", None));
    let without = ("p/work/without", Some(all.clone()));
    let without = ingest(&house, &reference, &members[1..], without);
    let gone = members[0].0.clone();
    let with = |segments: &v1::Manifest, excluded: &[String]| v1::Batch {
        segments: Some(segments.clone()),
        excluded: excluded.to_vec(),
    };
    let batches = [
        with(&all, std::slice::from_ref(&gone)),
        with(&others, &[]),
        with(&without, &[]),
    ];
    let samples: Vec<String> = members[1..].iter().map(|(name, _)| name.clone()).collect();
    let mut numbers = 0..;
    let digests = batches.map(|batch| {
        let number = numbers.next();
        let census = v1::CensusSpec {
            reference: Some(reference.clone()),
            cohort: "trio".to_owned(),
            batches: vec![batch.clone()],
            regions: regions(&house),
            ..Default::default()
        };
        let joint = v1::JointSpec {
            reference: Some(reference.clone()),
            cohort: "trio".to_owned(),
            samples: samples.clone(),
            gvcfs: Vec::new(),
            regions: regions(&house),
            batches: vec![batch],
            census: None,
            chunk: None,
        };
        let sites = house.sites(&joint, &format!("{number:?}"));
        let census = house.spec(&format!("p/work/census{number:?}"), Kind::Census(census));
        let joint = house.spec(&format!("p/work/joint{number:?}"), Kind::Joint(joint));
        let joint = house.done(joint);
        check_sites(&house, &joint, &sites);
        [house.done(census).files, joint.files, sites.files]
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
    let found = house.files(&without.directory);
    let held = found.iter().map(|path| std::fs::read(path).expect("there"));
    let trace = |bytes: Vec<u8>| {
        bytes
            .windows(gone.len())
            .any(|name| name == gone.as_bytes())
    };
    assert!(found.len() == 4 && !held.into_iter().any(trace));
    assert_eq!(digests[0][0].len(), regions(&house).len());
}

fn batch(segments: &v1::Manifest, excluded: &[&str]) -> v1::Batch {
    v1::Batch {
        segments: Some(segments.clone()),
        excluded: excluded.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// Two batches, and a census that begins from that of the first when its own census is gone.
struct Grown {
    house: House,
    first: v1::Manifest,
    second: v1::Manifest,
    before: v1::Manifest,
}

impl Grown {
    fn new() -> Self {
        let (house, reference) = House::with_index(1);
        let members = gvcfs(&house, &reference);
        let store = |name: &str, members| {
            let directory = format!("p/cohorts/trio/store/{name}");
            ingest(&house, &reference, members, (&directory, None))
        };
        let (first, second) = (store("a", &members[..2]), store("b", &members[2..]));
        let mut grown = Self {
            before: v1::Manifest::default(),
            house,
            first,
            second,
        };
        let before = grown.spec("before", None, &[batch(&grown.first, &[])], &[]);
        grown.before = grown.house.done(before);
        grown
    }

    fn spec(
        &self,
        name: &str,
        base: Option<&v1::Manifest>,
        batches: &[v1::Batch],
        withdrawn: &[v1::Batch],
    ) -> v1::Spec {
        let census = v1::CensusSpec {
            cohort: "trio".to_owned(),
            regions: regions(&self.house),
            base: base.cloned(),
            batches: batches.to_vec(),
            withdrawn: withdrawn.to_vec(),
            ..Default::default()
        };
        let directory = format!("p/cohorts/trio/census/{name}");
        self.house.spec(&directory, Kind::Census(census))
    }

    /// Removes the censuses of a folder.
    fn lose(&self, manifest: &v1::Manifest) {
        let files = self.house.files(&manifest.directory).into_iter();
        let censuses = files.filter(|path| path.to_string_lossy().ends_with(".census.arrow"));
        for path in censuses {
            std::fs::remove_file(path).expect("removed");
        }
    }
}

/// A batch comes and samples withdraw: the bytes are those of the sum of all batches, of which the old ones' censuses
/// are not read.
#[test]
fn a_census_that_begins_from_another_is_the_sum_of_all_batches() {
    let grown = Grown::new();
    let (first, second) = (&grown.first, &grown.second);
    let cases: [(&str, &[&str]); 3] = [("all", &[]), ("two", &["S1"]), ("one", &["S1", "S2"])];
    let whole = cases.map(|(name, gone)| {
        let old = (gone.len() < 2).then(|| batch(first, gone));
        let batches: Vec<_> = old.into_iter().chain([batch(second, &[])]).collect();
        let whole = grown.spec(&format!("whole-{name}"), None, &batches, &[]);
        grown.house.done(whole)
    });
    grown.lose(first);
    for ((name, gone), whole) in cases.iter().zip(whole) {
        let taken = [batch(first, gone)];
        let taken = &taken[..usize::from(!gone.is_empty())];
        let added = [batch(second, &[])];
        let begun = grown.spec(name, Some(&grown.before), &added, taken);
        let begun = grown.house.done(begun);
        assert_eq!(begun.files, whole.files, "{name}");
        assert_eq!(begun.counts, whole.counts, "{name}");
    }
}

/// The scheduler then has all batches added up.
#[test]
fn a_census_that_cannot_begin_says_so() {
    let grown = Grown::new();
    let census = |name: &str, taken: &[v1::Batch]| {
        let added = [batch(&grown.second, &[])];
        grown.spec(name, Some(&grown.before), &added, taken)
    };
    let says = |name: &str, taken: &[v1::Batch], what: &str| {
        let failure = grown.house.fails(census(name, taken));
        assert_eq!(failure.class(), v1::FailureClass::Transient, "{failure:?}");
        for told in [what, "the next attempt does not begin from"] {
            assert!(failure.message.contains(told), "{told} in {failure:?}");
        }
    };
    let never = [batch(&grown.second, &["S3"]), batch(&grown.second, &["S3"])];
    says("never", &never, "never added");
    let file = &grown.before.files[0];
    let path = grown.house.folder(&grown.before.directory).join(&file.name);
    std::fs::write(&path, vec![0; file.size as usize]).expect("written");
    says("damaged", &[], "damaged");
    grown.lose(&grown.before);
    says("gone", &[], "cannot be read");
}

/// The sites are the records without their genotypes.
fn check_sites(house: &House, joint: &v1::Manifest, sites: &v1::Manifest) {
    let lines = |manifest: &v1::Manifest, name: &str| {
        let path = house.folder(&manifest.directory).join(name);
        let mut reader = Reader::open(&path).expect("a VCF");
        let mut lines = Vec::new();
        while let Some(record) = reader.read().expect("sound") {
            let columns = record.line().split(|byte| *byte == b'\t').take(8);
            lines.push(columns.map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
        lines
    };
    let found = lines(sites, "trio.sites.vcf.gz");
    assert_eq!(found, lines(joint, "trio.vcf.gz"));
    assert_eq!(found.len(), 1, "the samples that are left carry the allele");
    assert_eq!(sites.counts, joint.counts);
}

/// In every form: the genotypes of the shard, and the sites.
#[test]
fn a_chunk_of_a_release_is_the_shard_and_its_sites() {
    let (house, reference) = House::with_index(1);
    let members = gvcfs(&house, &reference);
    let segments = ingest(&house, &reference, &members, ("p/work/all", None));
    let whole = v1::JointSpec {
        reference: Some(reference.clone()),
        cohort: "trio".to_owned(),
        samples: members.iter().map(|(name, _)| name.clone()).collect(),
        gvcfs: Vec::new(),
        regions: regions(&house),
        batches: vec![v1::Batch {
            segments: Some(segments),
            excluded: Vec::new(),
        }],
        census: None,
        chunk: None,
    };
    let sites = house.sites(&whole, "sites");
    let in_form = |genotypes: v1::Genotypes| {
        let joint = v1::JointSpec {
            chunk: Some(v1::Chunk {
                number: 3,
                genotypes: genotypes.into(),
            }),
            ..whole.clone()
        };
        let directory = format!("p/cohorts/trio/releases/{genotypes:?}");
        house.spec(&directory, Kind::Joint(joint))
    };
    let vcf = house.done(house.spec("p/work/vcf", Kind::Joint(whole.clone())));
    let digest = |manifest: &v1::Manifest, name: &str| {
        let mut files = manifest.files.iter();
        let file = files.find(|file| file.name == name);
        file.map(|file| file.sha256.clone()).expect("published")
    };
    for (genotypes, name, beside) in [
        (v1::Genotypes::VcfChunks, "trio.0003.vcf.gz", "tbi"),
        (v1::Genotypes::BcfChunks, "trio.0003.bcf", "csi"),
        (v1::Genotypes::BcfLocalChunks, "trio.0003.bcf", "csi"),
    ] {
        let chunk = house.done(in_form(genotypes));
        let names: Vec<_> = chunk.files.iter().map(|file| file.name.as_str()).collect();
        let [index, site, site_index] = [
            format!("{name}.{beside}"),
            "trio.0003.sites.vcf.gz".to_owned(),
            "trio.0003.sites.vcf.gz.tbi".to_owned(),
        ];
        let mut expected = [name, &index, &site, &site_index];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(digest(&chunk, &site), digest(&sites, "trio.sites.vcf.gz"));
        assert_eq!(chunk.counts, vcf.counts);
        if genotypes == v1::Genotypes::VcfChunks {
            assert_eq!(digest(&chunk, name), digest(&vcf, "trio.vcf.gz"));
            continue;
        }
        let path = house.folder(&chunk.directory).join(name);
        let mut reader = BcfReader::open(&path).expect("a BCF");
        assert_eq!(reader.header().samples(), whole.samples);
        let site = reader.read().expect("sound").expect("a record");
        assert_eq!((site.start, site.samples), (199, 3));
    }
    let failure = house.fails(in_form(v1::Genotypes::Store));
    assert!(failure.message.contains("a chunk cannot be"), "{failure:?}");
}

/// A census that is damaged, or of others than the release has, makes no sites.
#[test]
fn a_census_that_is_not_the_releases_is_refused() {
    let (house, reference) = House::with_index(1);
    let members = gvcfs(&house, &reference);
    let census = v1::CensusSpec {
        reference: Some(reference.clone()),
        cohort: "trio".to_owned(),
        batches: vec![v1::Batch {
            segments: Some(ingest(&house, &reference, &members, ("p/work/b", None))),
            excluded: Vec::new(),
        }],
        regions: regions(&house),
        ..Default::default()
    };
    let census = house.done(house.spec("p/cohorts/trio/census/c", Kind::Census(census)));
    let joint = |samples: &[(String, v1::Manifest)]| {
        let joint = v1::JointSpec {
            reference: Some(reference.clone()),
            cohort: "trio".to_owned(),
            samples: samples.iter().map(|(name, _)| name.clone()).collect(),
            regions: regions(&house),
            census: Some(census.clone()),
            ..Default::default()
        };
        house.fails(house.spec("p/work/sites", Kind::Joint(joint)))
    };
    let failure = joint(&members[1..]);
    let told = "is of 3 samples, the release has 2";
    assert!(failure.message.contains(told), "{failure:?}");
    let file = &census.files[0];
    let path = house.folder(&census.directory).join(&file.name);
    std::fs::write(&path, vec![0; file.size as usize]).expect("written");
    let failure = joint(&members);
    assert_eq!(failure.class(), v1::FailureClass::Transient, "{failure:?}");
    for told in ["cohort trio", &file.name, "kumi cohort retry"] {
        assert!(failure.message.contains(told), "{told} in {failure:?}");
    }
    assert!(house.files("p/work/sites").is_empty());
}

#[test]
fn a_damaged_segment_is_named_with_what_to_do() {
    let (house, reference) = House::with_index(1);
    let members = gvcfs(&house, &reference);
    let segments = ingest(&house, &reference, &members, ("p/work/batch", None));
    let file = segments
        .files
        .iter()
        .find(|file| file.name.ends_with(".segment.arrow"))
        .expect("a segment");
    let path = house.folder(&segments.directory).join(&file.name);
    std::fs::write(&path, vec![0; file.size as usize]).expect("written");
    let joint = v1::JointSpec {
        reference: Some(reference),
        cohort: "trio".to_owned(),
        samples: members.iter().map(|(name, _)| name.clone()).collect(),
        gvcfs: Vec::new(),
        regions: regions(&house),
        batches: vec![v1::Batch {
            segments: Some(segments.clone()),
            excluded: Vec::new(),
        }],
        census: None,
        chunk: None,
    };
    let failure = house.fails(house.spec("p/work/joint", Kind::Joint(joint)));
    assert_eq!(failure.class(), v1::FailureClass::Transient, "{failure:?}");
    for told in ["cohort trio", &file.name, "kumi cohort retry"] {
        assert!(failure.message.contains(told), "{told} in {failure:?}");
    }
}
