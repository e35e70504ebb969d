//! Keys of a release and of its shards.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::plan::key::{Chain, Key};
use crate::plan::keys::genotypes;
use crate::plan::layout::{Layout, digest};

/// Keys of a release, which depend on the samples that are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseKeys {
    pub(crate) base: Key,
    /// Of the form in which they are released; that of a cohort VCF is the base.
    form: Key,
    pub(crate) release: Key,
}

impl Layout {
    /// Keys of a release of these rows, which are in the order of names.
    pub(crate) fn release_keys<'a>(
        &self,
        header: &v1::CohortHeader,
        included: impl Iterator<Item = (&'a str, u32)>,
    ) -> ReleaseKeys {
        let params = header.params.as_ref();
        let mut chain = Chain::new("cohort")
            .text(params.map_or("", |params| &params.kernel_version))
            .key(&self.reference)
            .text(&header.name)
            .key(&digest(&self.targets));
        for (name, row) in included {
            chain = chain.text(name).key(&self.gvcf[row as usize]);
        }
        self.release_keys_of(header, chain.finish())
    }

    /// Keys of a release by what they have in common in every form.
    pub(crate) fn release_keys_of(&self, header: &v1::CohortHeader, base: Key) -> ReleaseKeys {
        let form = match genotypes(header) {
            v1::Genotypes::Unspecified | v1::Genotypes::Vcf => base,
            v1::Genotypes::Store => Chain::new("sites").key(&base).finish(),
            v1::Genotypes::VcfChunks => self.chunked_form("vcf-chunks", &base),
            v1::Genotypes::BcfChunks => self.chunked_form("bcf-chunks", &base),
            v1::Genotypes::BcfLocalChunks => self.chunked_form("bcf-local-chunks", &base),
        };
        ReleaseKeys {
            base,
            form,
            release: Chain::new("release").key(&form).finish(),
        }
    }

    /// A form in which each joint shard is a file of the release.
    fn chunked_form(&self, form: &str, base: &Key) -> Key {
        let chain = Chain::new(form).key(base);
        let shards = self.joint_digests.iter();
        let chain = chain.number(shards.len() as u64);
        shards.fold(chain, Chain::key).finish()
    }

    /// The key of a shard of a release: its census, which is the same in every form, or its records.
    pub(crate) fn shard_key(&self, stage: Stage, keys: &ReleaseKeys, column: u32) -> Key {
        let of = match stage {
            Stage::Census => &keys.base,
            _ => &keys.form,
        };
        self.shard_of(stage, of, column)
    }

    /// The key of the census of a shard, by what the keys of its release have in common in every form.
    pub(crate) fn census_key(&self, base: &Key, column: u32) -> Key {
        self.shard_of(Stage::Census, base, column)
    }

    fn shard_of(&self, stage: Stage, of: &Key, column: u32) -> Key {
        Chain::new(stage.label())
            .key(of)
            .key(&self.joint_digests[column as usize])
            .finish()
    }
}
