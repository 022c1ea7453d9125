using Harness.Io;
using Harness.Load;

namespace Harness.Tests;

public sealed class LoadMemoryTests
{
    [Fact]
    public void What_was_given_back_last_is_taken_first()
    {
        using var memory = new LoadMemory(pieces: 4, pieceBytes: 100, seed: 1);
        NativeSlice first = memory.Take();
        NativeSlice second = memory.Take();
        memory.GiveBack(second);
        memory.GiveBack(first);
        Assert.Equal(first.Address, memory.Take().Address);
        Assert.Equal(second.Address, memory.Take().Address);
    }

    [Fact]
    public void Pieces_are_as_long_as_asked_begin_on_cache_lines_and_have_nothing_in_common()
    {
        const int PieceBytes = 100;
        using var memory = new LoadMemory(pieces: 8, PieceBytes, seed: 1);
        NativeSlice[] all = [.. Enumerable.Range(0, 8).Select(_ => memory.Take()).OrderBy(piece => piece.Address)];
        Assert.All(all, piece => Assert.Equal((PieceBytes, 0), (piece.Length, (int)(piece.Address % 64))));
        Assert.All(all.Zip(all.Skip(1)), pair => Assert.True(pair.First.Address + PieceBytes <= pair.Second.Address));
    }

    [Fact]
    public void Its_data_is_no_zeroes_and_another_for_every_seed()
    {
        using var one = new LoadMemory(pieces: 2, pieceBytes: 64, seed: 1);
        using var other = new LoadMemory(pieces: 2, pieceBytes: 64, seed: 2);
        byte[] data = one.Take().Span.ToArray();
        Assert.NotEqual(data, other.Take().Span.ToArray());
        Assert.NotEqual(data, one.Take().Span.ToArray());
        Assert.Contains(data, value => value != 0);
    }
}
