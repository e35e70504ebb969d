//! The whole way of the trio: index, align, call, gvcf, joint, release.

use std::collections::BTreeMap;
use std::path::Path;

use kumi_formats::vcf::Reader;
use kumi_proto::v1;
use kumi_proto::v1::FailureClass;
use kumi_proto::v1::spec::Kind;

use super::house::{House, SAMPLES};

/// As the scheduler's plan cuts: at multiples of the length at which reference blocks end anyway.
pub(super) fn cut(contig: &v1::Contig, shards: u64) -> Vec<Vec<v1::Region>> {
    let edge = u64::from(kumi_call::BLOCK_EDGE);
    let at = |number: u64| {
        if number == shards {
            contig.length
        } else {
            contig.length * number / shards / edge * edge
        }
    };
    let region = |number| v1::Region {
        contig: contig.name.clone(),
        start: at(number),
        end: at(number + 1),
    };
    (0..shards).map(|number| vec![region(number)]).collect()
}

/// What came of it.
struct Results {
    house: House,
    aligned: Vec<v1::Manifest>,
    gvcfs: Vec<v1::Manifest>,
    release: v1::Manifest,
    /// The release whose genotypes stay in the store, if there is one.
    sites: Option<v1::Manifest>,
}

impl Results {
    /// Digests of everything that is kept, by name.
    fn digests(&self) -> BTreeMap<String, String> {
        let manifests = self.aligned.iter().chain(&self.gvcfs);
        let all = manifests.chain(std::iter::once(&self.release));
        all.flat_map(|manifest| {
            manifest.files.iter().map(|file| {
                (
                    format!("{}/{}", manifest.directory, file.name),
                    file.sha256.clone(),
                )
            })
        })
        .collect()
    }
}

fn whole(cores: u32, call_shards: u64, joint_shards: u64, batch_samples: usize) -> Results {
    let (house, reference) = House::with_index(cores);
    let (mut aligned, mut gvcfs) = (Vec::new(), Vec::new());
    for (sample, sex) in SAMPLES {
        let alignment = house.done(house.align_example(&reference, sample));
        let shards = (0..).zip(cut(house.contig(), call_shards));
        // Measuring, and by which bins, changes nothing.
        let bin_bases = (call_shards as u32 - 1) * 4_096;
        let shards = shards.map(|(number, regions): (u32, _)| {
            let call = Call {
                sample: (sample, sex),
                regions,
                bin_bases,
            };
            let directory = format!("p/work/{sample}{number}");
            house.done(house.call(&reference, &alignment, &directory, call))
        });
        let gvcf = v1::GvcfSpec {
            reference: Some(reference.clone()),
            sample: sample.to_owned(),
            shards: shards.collect(),
            alignment: Some(alignment.clone()),
            ploidy: Some(ploidy(sex)),
            read_groups: Vec::new(),
            gvcf: None,
        };
        let directory = format!("p/samples/{sample}/run");
        gvcfs.push(house.done(house.spec(&directory, Kind::Gvcf(gvcf))));
        aligned.push(alignment);
    }
    let samples: Vec<_> = SAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let (mut shards, mut sites) = (Vec::new(), Vec::new());
    for (number, regions) in (0..).zip(cut(house.contig(), joint_shards)) {
        let directory = format!("p/work/batch{number}");
        let batches = match batch_samples {
            0 => Vec::new(),
            given => house.batches(&reference, (&samples, &gvcfs), given, &regions, &directory),
        };
        let joint = v1::JointSpec {
            reference: Some(reference.clone()),
            cohort: "trio".to_owned(),
            samples: samples.clone(),
            gvcfs: gvcfs.clone(),
            regions,
            batches,
            census: None,
            chunk: None,
        };
        if batch_samples > 0 {
            sites.push(house.sites(&joint, &number.to_string()));
        }
        shards.push(house.done(house.spec(&format!("p/work/joint{number}"), Kind::Joint(joint))));
    }
    let released = |shards: Vec<v1::Manifest>, genotypes: v1::Genotypes| {
        let release = v1::ReleaseSpec {
            reference: Some(reference.clone()),
            cohort: "trio".to_owned(),
            release: "0123456789ab".to_owned(),
            shards,
            samples: samples.clone(),
            genotypes: genotypes.into(),
            chunks: Vec::new(),
        };
        let directory = match genotypes {
            v1::Genotypes::Store => "p/cohorts/trio/releases/ba9876543210",
            _ => "p/cohorts/trio/releases/0123456789ab",
        };
        house.done(house.spec(directory, Kind::Release(release)))
    };
    let release = released(shards, v1::Genotypes::Unspecified);
    let sites = (!sites.is_empty()).then(|| released(sites, v1::Genotypes::Store));
    Results {
        house,
        aligned,
        gvcfs,
        release,
        sites,
    }
}

/// What of whom is called.
pub(super) struct Call {
    pub(super) sample: (&'static str, v1::Sex),
    pub(super) regions: Vec<v1::Region>,
    pub(super) bin_bases: u32,
}

fn ploidy(sex: v1::Sex) -> v1::Ploidy {
    v1::Ploidy {
        genome: 2,
        sex: sex.into(),
    }
}

impl House {
    /// Ingests gVCFs in batches.
    fn batches(
        &self,
        reference: &v1::Reference,
        (samples, gvcfs): (&[String], &[v1::Manifest]),
        batch_samples: usize,
        regions: &[v1::Region],
        directory: &str,
    ) -> Vec<v1::Batch> {
        let mut order: Vec<_> = samples.iter().zip(gvcfs).collect();
        order.sort_by_key(|(sample, _)| *sample);
        let batches = order.chunks(batch_samples).enumerate();
        let batch = |(number, members): (usize, &[(&String, &v1::Manifest)])| {
            let ingest = v1::IngestSpec {
                reference: Some(reference.clone()),
                cohort: "trio".to_owned(),
                samples: members
                    .iter()
                    .map(|(sample, _)| (*sample).clone())
                    .collect(),
                gvcfs: members.iter().map(|(_, gvcf)| (*gvcf).clone()).collect(),
                regions: regions.to_vec(),
                source: None,
            };
            let directory = format!("{directory}-{number}");
            v1::Batch {
                segments: Some(self.done(self.spec(&directory, Kind::Ingest(ingest)))),
                excluded: Vec::new(),
            }
        };
        batches.map(batch).collect()
    }

    /// The sites of what a shard is genotyped from, by its census.
    pub(super) fn sites(&self, joint: &v1::JointSpec, name: &str) -> v1::Manifest {
        let census = v1::CensusSpec {
            reference: joint.reference.clone(),
            cohort: joint.cohort.clone(),
            batches: joint.batches.clone(),
            regions: joint.regions.clone(),
            ..Default::default()
        };
        let directory = format!("p/cohorts/{}/census/{name}", joint.cohort);
        let joint = v1::JointSpec {
            gvcfs: Vec::new(),
            batches: Vec::new(),
            census: Some(self.done(self.spec(&directory, Kind::Census(census)))),
            ..joint.clone()
        };
        self.done(self.spec(&format!("p/work/sites{name}"), Kind::Joint(joint)))
    }

    pub(super) fn call(
        &self,
        reference: &v1::Reference,
        alignment: &v1::Manifest,
        directory: &str,
        call: Call,
    ) -> v1::Spec {
        let (sample, sex) = call.sample;
        let call = v1::CallSpec {
            reference: Some(reference.clone()),
            sample: sample.to_owned(),
            alignment: Some(alignment.clone()),
            regions: call.regions,
            ploidy: Some(ploidy(sex)),
            bin_bases: call.bin_bases,
            filters: v1::Filters::Unspecified.into(),
        };
        self.spec(directory, Kind::Call(call))
    }
}

#[test]
fn results_are_the_same_bytes_for_any_number_of_cores_and_shards() {
    let first = whole(1, 1, 1, 3);
    let expected = first.digests();
    for name in [
        "p/samples/NA12891/run/NA12891.cram",
        "p/samples/NA12891/run/NA12891.g.vcf.gz",
        "p/samples/NA12891/run/NA12891.g.vcf.gz.tbi",
        "p/samples/NA12891/run/provenance.json",
        "p/samples/NA12891/run/MANIFEST.sha256",
        "p/cohorts/trio/releases/0123456789ab/trio.vcf.gz",
        "p/cohorts/trio/releases/0123456789ab/trio.vcf.gz.tbi",
        "p/cohorts/trio/releases/0123456789ab/trio.sites.vcf.gz",
        "p/cohorts/trio/releases/0123456789ab/manifest.json",
    ] {
        assert!(expected.contains_key(name), "{name} in {expected:?}");
    }
    let counts = &first.release.counts;
    assert_eq!(counts["samples"], 3);
    assert!(
        counts["variants"] >= 60 && counts["snvs"] >= 50,
        "{counts:?}"
    );
    assert_eq!(
        counts["transitions"] + counts["transversions"],
        counts["snvs"]
    );
    for gvcf in &first.gvcfs {
        assert!(gvcf.counts["records"] > gvcf.counts["variants"], "{gvcf:?}");
        assert!(gvcf.counts["variants"] >= 20, "{gvcf:?}");
    }
    check_sums(&first.house.root.path().join("p/samples/NA12878/run"));
    columns(&first);
    let stored = first.sites.clone().expect("made from batches");
    check_stored(&first, &stored);
    for (cores, call_shards, joint_shards, batch_samples) in
        [(2, 7, 7, 1), (4, 7, 1, 0), (4, 1, 3, 2)]
    {
        let other = whole(cores, call_shards, joint_shards, batch_samples);
        let what = format!(
            "{cores} cores, {call_shards} and {joint_shards} shards, batches of {batch_samples}"
        );
        assert_eq!(other.digests(), expected, "{what}");
        assert_eq!(other.release.counts, first.release.counts, "{what}");
        if batch_samples > 0 {
            let sites = other.sites.as_ref().map(|sites| &sites.files);
            assert_eq!(sites, Some(&stored.files), "{what}");
        }
    }
}

/// A release whose genotypes stay in the store has the sites of the other, and tells that it has no more.
fn check_stored(results: &Results, stored: &v1::Manifest) {
    let mut names: Vec<&str> = Vec::new();
    for file in &stored.files {
        names.push(&file.name);
        let whole = results.release.files.iter();
        let same = whole.filter(|other| other.name == file.name);
        let same: Vec<_> = same.map(|other| other == file).collect();
        assert_eq!(same, [file.name != "manifest.json"], "{}", file.name);
    }
    names.sort_unstable();
    let expected = [
        "manifest.json",
        "trio.sites.vcf.gz",
        "trio.sites.vcf.gz.tbi",
    ];
    assert_eq!(names, expected);
    assert_eq!(stored.counts, results.release.counts);
    let told = results.house.root.path().join(&stored.directory);
    let told = std::fs::read_to_string(told.join("manifest.json")).expect("there");
    assert!(told.contains(r#""genotypes": "store""#), "{told}");
    for (sample, _) in SAMPLES {
        assert!(told.contains(sample), "{told}");
    }
}

/// `sha256sum -c` would say OK to every line.
fn check_sums(directory: &Path) {
    let text = std::fs::read_to_string(directory.join("MANIFEST.sha256")).expect("there");
    assert!(text.lines().count() >= 5, "{text}");
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").expect("two columns");
        let (_, found) = crate::store::sha256_file(&directory.join(name)).expect("there");
        assert_eq!(found, sum, "{name}");
    }
}

/// The sites are the cohort's records without its genotypes.
fn columns(results: &Results) {
    let directory = results.house.root.path().join(&results.release.directory);
    let open = |name: &str| Reader::open(&directory.join(name)).expect("a VCF");
    let (mut whole, mut sites) = (open("trio.vcf.gz"), open("trio.sites.vcf.gz"));
    assert_eq!(whole.header().samples(), ["NA12878", "NA12891", "NA12892"]);
    assert!(sites.header().samples().is_empty());
    loop {
        let (record, site) = (whole.read().expect("whole"), sites.read().expect("whole"));
        let (Some(record), Some(site)) = (record, site) else {
            assert!(record.is_none() && site.is_none());
            break;
        };
        assert!(record.line().starts_with(site.line()));
        assert_eq!(site.line().split(|byte| *byte == b'\t').count(), 8);
    }
}

/// What an earlier build published lies right below the folder of work, perhaps beside what a later attempt began.
#[test]
fn work_is_found_where_an_earlier_build_laid_it() {
    let (house, reference) = House::with_index(1);
    let alignment = house.done(v1::Spec {
        directory: "p/work/abcdef".to_owned(),
        ..house.align_example(&reference, "NA12892")
    });
    let laid_out = house.folder("p/work/abcdef");
    std::fs::rename(&laid_out, house.root.path().join("p/work/abcdef")).expect("moved");
    for begun in [false, true] {
        if begun {
            std::fs::create_dir(&laid_out).expect("made");
        }
        let call = Call {
            sample: ("NA12892", v1::Sex::Xx),
            regions: cut(house.contig(), 1).remove(0),
            bin_bases: 0,
        };
        house.done(house.call(&reference, &alignment, &format!("p/work/c{begun}"), call));
    }
}

#[test]
fn a_published_file_that_is_gone_or_cut_is_named_with_what_to_do() {
    let (house, reference) = House::with_index(1);
    let alignment = house.done(house.align_example(&reference, "NA12892"));
    let cram = house
        .root
        .path()
        .join(&alignment.directory)
        .join("NA12892.cram");
    let call = || {
        let regions = cut(house.contig(), 1).remove(0);
        let sample = ("NA12892", v1::Sex::Xx);
        let call = Call {
            sample,
            regions,
            bin_bases: 0,
        };
        house.fails(house.call(&reference, &alignment, "p/work/c", call))
    };
    let file = std::fs::File::options()
        .write(true)
        .open(&cram)
        .expect("there");
    file.set_len(1000).expect("cut");
    for said in ["has 1000 bytes", "cannot be read now"] {
        let failure = call();
        assert_eq!(failure.class(), FailureClass::Transient, "{failure:?}");
        for told in ["sample NA12892", "NA12892.cram", said, "kumi cohort retry"] {
            assert!(failure.message.contains(told), "{told} in {failure:?}");
        }
        let _ = std::fs::remove_file(&cram);
    }
    assert!(house.files("p/work").is_empty());
}
