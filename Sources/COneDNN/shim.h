// SPDX-License-Identifier: Apache-2.0
#include <oneapi/dnnl/dnnl.h>  // dnnl_*
