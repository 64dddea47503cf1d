// The part of OpenSSL that the gateway uses, for Swift's importer.
//
// SHA256_CTX and its functions are deprecated since 3.0 but not removed. They are used on purpose:
// a context is a plain value that can be precomputed per key and copied on the stack, while the EVP
// layer fetches an implementation and allocates for every MAC (some microseconds per token).
// Everything about asymmetric keys goes through EVP.

#ifndef GATEWAY_COPENSSL_SHIM_H
#define GATEWAY_COPENSSL_SHIM_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

// Macros too nested for the importer.
static const int keySelectionPublic = EVP_PKEY_PUBLIC_KEY;
static const int keySelectionPair = EVP_PKEY_KEYPAIR;

#endif
