// The part of OpenSSL that the gateway uses, for Swift's importer.
//
// SHA256_CTX and its functions are deprecated since 3.0 but not removed. They are used on purpose:
// a context is a plain value that can be precomputed per key and copied on the stack, while the EVP
// layer fetches an implementation and allocates for every MAC (some microseconds per token).

#ifndef GATEWAY_COPENSSL_SHIM_H
#define GATEWAY_COPENSSL_SHIM_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#endif
