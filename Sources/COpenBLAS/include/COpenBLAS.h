// SPDX-License-Identifier: Apache-2.0
#ifndef RETOM_COPENBLAS_H
#define RETOM_COPENBLAS_H
#endif
