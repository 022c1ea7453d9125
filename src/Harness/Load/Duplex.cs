namespace Harness.Load;

/// <summary>Whether the client reads and writes at once, and with how many threads.</summary>
internal enum Duplex
{
    /// <summary>Both sides at once, on one loop.</summary>
    Full,

    /// <summary>See <see cref="Nbd.NbdClientOptions.HalfDuplex"/>.</summary>
    Half,

    /// <summary>Each side on a loop and a thread of its own.</summary>
    Threads,
}
