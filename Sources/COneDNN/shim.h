// SPDX-License-Identifier: Apache-2.0
#include <oneapi/dnnl/dnnl.h>        // dnnl_*
#include <oneapi/dnnl/dnnl_debug.h>  // dnnl_status2str

// Version 3 replaced the descriptors of operations that the backend is written in.
#if DNNL_VERSION_MAJOR != 2
#error "retom needs oneDNN 2 (libdnnl-dev of Debian 12); this machine has another version"
#endif
