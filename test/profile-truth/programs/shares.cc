// As shares.c, in a namespace and a template: names are mangled.
#include <map>
#include <string>

namespace shop {
volatile double sink;

template <typename Number> __attribute__((noinline)) Number turn(long n)
{
	Number x = 1;
	for (long i = 0; i < n; i++)
		x = x * Number(1.0000001) + Number(0.5);
	return x;
}

struct Cart {
	__attribute__((noinline)) void heavy(long n)
	{
		sink = sink + turn<double>(3 * n);
		sink = sink + 1;
	}
	__attribute__((noinline)) void light(long n)
	{
		sink = sink + turn<double>(n);
		sink = sink + 1;
	}
};

__attribute__((noinline)) void allocate()
{
	std::map<std::string, int> counts;
	for (int i = 0; i < 200; i++)
		counts["a key that is too long to be kept in place " + std::to_string(i % 20)]++;
}
}

int main()
{
	shop::Cart cart;
	for (;;) {
		cart.heavy(200000);
		cart.light(200000);
		shop::allocate();
	}
}
