// SPDX-License-Identifier: Apache-2.0
//
// Whether this process may use AMX's tiles.
#ifndef RETOM_AMX_H
#define RETOM_AMX_H

/// Asks the system for this process's permission to use tiles in bf16; 0 if the processor or the
/// system lacks them. It may be asked again.
int rt_amx_request(void);

#endif
