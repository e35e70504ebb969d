//! A shard that is a file of the release: the genotypes in the form that was asked for, and their sites.

use kumi_formats::vcf::{Form, Record};
use kumi_joint::Keys;
use kumi_joint::output::{Called, bcf, vcf};
use kumi_proto::v1;
use kumi_proto::v1::Genotypes;

use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::store::Publication;
use crate::task::joint::{Counts, SITES, Shard};
use crate::task::vcf::{Expected, Staged, without_samples};

impl Shard<'_> {
    /// Writes the genotypes as a chunk of the release, and the sites beside.
    pub(super) fn chunk(
        &self,
        publication: &mut Publication,
        chunk: &v1::Chunk,
    ) -> Result<Counts, Fault> {
        let (context, contigs) = (self.context, self.reference.contigs());
        let form = self.form(chunk)?;
        let stem = format!("{}.{:04}", self.spec.cohort, chunk.number);
        let staged = Staged::in_form(publication, &stem, form)?;
        let sites = Staged::new(publication, &format!("{stem}{SITES}"))?;
        let mut writer = staged.create(context, &self.header_in(form), contigs)?;
        let mut beside = sites.create(context, &without_samples(&self.header), contigs)?;
        let progress = self.progress();
        self.genotype(self.make(form), |made| {
            let (records, sites): (Vec<Record>, Vec<Record>) = made.into_iter().unzip();
            beside.write_batch(context, &sites, &progress)?;
            let mut records = records.iter();
            records.try_for_each(|record| writer.write(context, record))
        })?;
        let mut expected = Expected {
            contigs,
            samples: &self.samples,
            records: writer.finish(context)?,
        };
        beside.finish(context)?;
        match form {
            Form::Vcf => staged.validate(context, &expected).map(|_| ())?,
            Form::Bcf | Form::Encoded => staged.validate_bcf(context, &expected)?,
        }
        expected.samples = &[];
        Ok(sites.validate(context, &expected)?.counts())
    }

    fn form(&self, chunk: &v1::Chunk) -> Result<Form, Fault> {
        match chunk.genotypes() {
            Genotypes::VcfChunks => Ok(Form::Vcf),
            Genotypes::BcfChunks => Ok(Form::Bcf),
            Genotypes::BcfLocalChunks => Ok(Form::Encoded),
            other @ (Genotypes::Unspecified | Genotypes::Vcf | Genotypes::Store) => Err(self
                .context
                .internal(format_args!("a chunk cannot be in the form {other:?}"))),
        }
    }

    fn header_in(&self, form: Form) -> String {
        match form {
            Form::Vcf | Form::Bcf => self.header.clone(),
            Form::Encoded => {
                let (contigs, name) = (self.reference.contigs(), &self.reference.name);
                kumi_joint::local_header(contigs, name, &self.samples, VERSION)
            }
        }
    }

    /// What becomes of a site: its record with all samples, and without any.
    fn make(&self, form: Form) -> impl Fn(&Called<'_>) -> (Record, Record) + Send + Sync {
        let (keys, params) = (Keys::default(), &self.params);
        move |called| {
            let record = match form {
                Form::Vcf | Form::Bcf => vcf::record(called, params),
                Form::Encoded => bcf::record(called, &keys, params),
            };
            (record, vcf::sites_only(called, params))
        }
    }
}
