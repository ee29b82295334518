// SPDX-License-Identifier: Apache-2.0
#ifndef RETOM_CPNG_H
#define RETOM_CPNG_H
#endif
