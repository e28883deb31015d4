/* The floor that hs is measured against: a static program that does nothing. */
int main(void)
{
    return 0;
}
