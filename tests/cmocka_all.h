/// cmocka wants these four, in this order, before its own header.
#ifndef AVSP_TESTS_CMOCKA_ALL_H
#define AVSP_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
