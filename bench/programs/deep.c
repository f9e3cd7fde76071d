/* Keeps a core busy below so many frames of its own, to be compiled with unwinding tables or with frame pointers. */
#define FRAMES 32

static volatile unsigned sink;

__attribute__((noinline)) static void descend(int left)
{
	if (left == 0) {
		for (;;)
			sink++;
	}
	descend(left - 1);
	/* Something to come back for: else the call would be a jump. */
	sink++;
}

int main(void)
{
	descend(FRAMES);
	return 0;
}
