#include "Meter.h"
#include <sanitizer/allocator_interface.h>

static long alive, peak;

static void allocated(const volatile void *pointer, size_t size) {
    (void)pointer;
    alive += (long)size;
    if (alive > peak) peak = alive;
}

static void freed(const volatile void *pointer) {
    if (pointer) alive -= (long)__sanitizer_get_allocated_size(pointer);
}

void meter_install(void) { __sanitizer_install_malloc_and_free_hooks(allocated, freed); }
void meter_start(void) { alive = peak = 0; }
long meter_peak(void) { return peak; }
