using Harness.Copy;
using Harness.Io;

namespace Harness.Tests;

/// <summary>How a source is cut into pieces: every byte once, in order, in whole blocks, and no byte of data taken for zero.</summary>
public class CopyPiecesTests
{
    [Fact]
    public void Any_extents_are_cut_into_whole_pieces()
    {
        for (int seed = 0; seed < TestScale.Pick(300, 20_000); seed++)
        {
            var random = new Random(seed);
            uint block = 1u << random.Next(0, 10);
            uint mostData = block * (uint)random.Next(1, 40);
            ulong mostZero = block * (ulong)random.Next(1, 400);
            var source = new RandomSource(random, random.Next(1, 60_000), answersLater: random.Next(2) == 0);
            AssertCut(source, block, mostData, mostZero, $"seed {seed}");
        }
    }

    [Fact]
    public void Without_extents_all_is_data()
    {
        using var source = new RandomSource(new Random(1), 10_000, answersLater: false);
        var pieces = new CopyPieces(source, knowsHoles: false, 1, 4096, 4096, () => { });
        Assert.True(pieces.TryTake(out CopyPiece piece));
        Assert.Equal(new CopyPiece(0, 4096, false), piece);
        Assert.Equal(0, source.Questions);
    }

    [Fact]
    public void A_question_that_fails_ends_it()
    {
        using var source = new RandomSource(new Random(1), 10_000, answersLater: true) { Error = 5 };
        bool told = false;
        var pieces = new CopyPieces(source, knowsHoles: true, 1, 4096, 4096, () => told = true);
        Assert.False(pieces.TryTake(out _));
        source.Answer();
        Assert.True(told);
        Assert.Equal(5, pieces.Error);
        Assert.False(pieces.IsAsking);
    }

    private static void AssertCut(RandomSource source, uint block, uint mostData, ulong mostZero, string what)
    {
        using (source)
        {
            var pieces = new CopyPieces(source, knowsHoles: true, block, mostData, mostZero, () => { });
            ulong at = 0;
            for (int waits = 0; !pieces.IsAtEnd; waits++)
            {
                Assert.True(waits < 100_000, $"{what}: no end");
                while (pieces.TryTake(out CopyPiece piece))
                {
                    Assert.True(piece.Offset == at, $"{what}: a piece at {piece.Offset} after {at}");
                    Assert.True(piece.Length > 0 && piece.Length <= (piece.IsZero ? mostZero : mostData), $"{what}: {piece}");
                    at += piece.Length;
                    Assert.True(at <= source.Size && (at % block == 0 || at == source.Size), $"{what}: {piece} is no whole block of {block}");
                    Assert.True(!piece.IsZero || source.AllZero(piece.Offset, piece.Length), $"{what}: {piece} has data");
                }

                source.Answer();
            }

            Assert.Equal(source.Size, at);
        }
    }

    /// <summary>Extents at random, told a few at a time.</summary>
    private sealed class RandomSource : CopyEnd
    {
        private readonly Random _random;
        private readonly bool[] _data;
        private readonly bool _later;
        private IExtentSink? _sink;
        private ulong _from;

        public RandomSource(Random random, int size, bool answersLater)
            : base("random")
        {
            _random = random;
            _later = answersLater;
            _data = new bool[size];
            for (int at = 0; at < size;)
            {
                int run = Math.Min(size - at, random.Next(1, random.Next(2, 5000)));
                Array.Fill(_data, random.Next(2) == 0, at, run);
                at += run;
            }
        }

        public override ulong Size => (ulong)_data.Length;

        public int Error { get; init; }

        public int Questions { get; private set; }

        public bool AllZero(ulong offset, ulong length) => !_data.AsSpan((int)offset, (int)length).Contains(true);

        public override CopyPort NewPort(int number, ICopyHandler handler) => throw new NotSupportedException();

        public override void FindExtents(ulong offset, IExtentSink sink)
        {
            Questions++;
            (_sink, _from) = (sink, offset);
            if (!_later)
            {
                Answer();
            }
        }

        public void Answer()
        {
            if (_sink is not { } sink)
            {
                return;
            }

            _sink = null;
            int at = (int)_from;
            for (int extents = _random.Next(1, 6); Error == 0 && extents > 0 && at < _data.Length; extents--)
            {
                int end = at;
                while (end < _data.Length && _data[end] == _data[at])
                {
                    end++;
                }

                sink.Add((ulong)(end - at), !_data[at]);
                at = end;
            }

            sink.Answered(Error);
        }

        public override void Dispose()
        {
        }
    }
}
