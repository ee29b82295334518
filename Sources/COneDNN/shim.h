// SPDX-License-Identifier: Apache-2.0
#include <oneapi/dnnl/dnnl.h>        // dnnl_*
#include <oneapi/dnnl/dnnl_debug.h>  // dnnl_status2str
