// SwiftPM wants one translation unit; everything is in the header.
#include "CPlatform.h"
