/* Burns three quarters of its time in heavy(), a quarter in light(): no frame pointers, as Debian's libraries. */
#include <stdlib.h>

static volatile double sink;

__attribute__((noinline)) static double turn(long n)
{
	double x = 1;

	for (long i = 0; i < n; i++)
		x = x * 1.0000001 + 0.5;
	return x;
}

__attribute__((noinline)) void heavy(long n)
{
	sink += turn(3 * n);
	sink += 1;
}

__attribute__((noinline)) void light(long n)
{
	sink += turn(n);
	sink += 1;
}

static int by_value(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* The C library calls back into the program: its frames have to be passed. */
static void sort(void)
{
	int values[256];

	for (int i = 0; i < 256; i++)
		values[i] = rand();
	qsort(values, 256, sizeof(values[0]), by_value);
}

int main(void)
{
	for (;;) {
		heavy(200000);
		light(200000);
		sort();
	}
}
