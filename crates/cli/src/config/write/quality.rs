//! When the market is looked at behind a client's fill, as a file says it.

use std::fmt::Write;

use super::{File, Inexpressible, ms};

impl File<'_> {
    pub(super) fn quality(&mut self) -> Result<(), Inexpressible> {
        let Some(def) = &self.definitions.mark_outs else {
            return Ok(());
        };
        let horizons_ns = [
            def.horizon_0_ns,
            def.horizon_1_ns,
            def.horizon_2_ns,
            def.horizon_3_ns,
            def.horizon_4_ns,
            def.horizon_5_ns,
        ];
        let used = horizons_ns.iter().filter(|ns| **ns > 0);
        let texts: Result<Vec<String>, _> = used
            .map(|ns| ms(*ns, "mark_out_ms").map(|ms| ms.to_string()))
            .collect();
        line!(self, "\n[quality]\nmark_out_ms = [{}]", texts?.join(", "));
        Ok(())
    }
}
