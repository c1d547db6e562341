/* Links the library into a program; its exit code is the library's verdict. */
int bowsprit_no_std(void);

/* The precompiled alloc names std's unwinder, though nothing here unwinds. If std were linked, there would be two. */
void rust_eh_personality(void) {}

int main(void) { return bowsprit_no_std(); }
