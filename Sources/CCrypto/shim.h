// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>     // EVP_Digest*, EVP_PKEY_*
#include <openssl/hmac.h>    // HMAC
#include <openssl/x509v3.h>  // d2i_X509, X509_check_*
