namespace Harness.Load;

/// <summary>Knows what a read must find. One for all connections of a run, on their one loop.</summary>
internal interface IDataOracle
{
    /// <summary>The block that a read or write may visit now: the one asked for, or where a request in flight stands in the way, one after it.</summary>
    ulong Begin(BlockPicker picker, ulong block, bool isWrite);

    /// <summary>Fills the data of a write that <see cref="Begin"/> has admitted.</summary>
    void Fill(ulong block, Span<byte> data);

    /// <summary>A read has ended well. Returns null where the data is right, else one line that says what is wrong.</summary>
    string? EndRead(ulong block, ReadOnlySpan<byte> data);

    /// <summary>A write has ended well.</summary>
    void EndWrite(ulong block);

    /// <summary>A request has failed: of a write, nobody knows what the block holds now.</summary>
    void Fail(ulong block, bool isWrite);

    /// <summary>The first block from here on that the last sweep should read; false where there is none.</summary>
    bool TryNextToSweep(ref ulong block);
}
