// Counts the bytes that live on the heap, through the sanitizer's own hooks.
#pragma once
#include <stddef.h>

void meter_install(void);
// Forgets the peak and begins to count from 0.
void meter_start(void);
// The most bytes alive at once since the start, beyond those alive then.
long meter_peak(void);
