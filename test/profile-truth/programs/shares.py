# As shares.c.
def turn(n):
    x = 1.0
    for _ in range(n):
        x = x * 1.0000001 + 0.5
    return x


class Shop:
    def heavy(self, n):
        return turn(3 * n)

    def light(self, n):
        return turn(n)


shop = Shop()
while True:
    shop.heavy(20000)
    shop.light(20000)
