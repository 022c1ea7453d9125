using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Harness.Load;

namespace Harness.Tests;

/// <summary>The oracles of <c>load --verify</c>: right data passes, and wrong data is told for what it is.</summary>
public class VerifyTests
{
    private const int BlockBytes = 4096;
    private const ulong Blocks = 64;

    [Fact]
    public void A_word_can_be_turned_back_into_its_place_and_version()
    {
        var word = new VersionWord(seed: 7);
        var random = new Random(1);
        for (int i = 0; i < 1000; i++)
        {
            ulong offset = (ulong)random.NextInt64(1L << 44) * 8;
            uint version = (uint)random.Next((int)VersionWord.Versions);
            Assert.Equal((offset, version), word.Decode(word.At(offset, version)));
        }
    }

    [Fact]
    public void Words_of_other_places_versions_and_seeds_differ()
    {
        var word = new VersionWord(1);
        var other = new VersionWord(2);
        ulong[] words = [.. Enumerable.Range(0, 100).SelectMany(i => new[] { word.At((ulong)i * 8, 1), word.At((ulong)i * 8, 2), other.At((ulong)i * 8, 1) })];
        Assert.Equal(words.Length, words.Distinct().Count());
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(8)]
    [InlineData(24)]
    [InlineData(13)]
    public void A_filled_block_matches_and_any_flipped_bit_does_not(int bytes)
    {
        var word = new VersionWord(3);
        byte[] data = new byte[bytes];
        word.Fill(data, 1 << 20, 5);
        Assert.True(word.Matches(data, 1 << 20, 5));
        Assert.False(word.Matches(data, 1 << 20, 6));
        for (int i = 0; i < bytes; i++)
        {
            data[i] ^= 0x10;
            Assert.False(word.Matches(data, 1 << 20, 5));
            data[i] ^= 0x10;
        }
    }

    [Fact]
    public void The_last_version_of_a_block_passes_and_an_unwritten_block_is_not_judged()
    {
        var world = new World();
        world.Write(3);
        byte[] data = world.Write(3);
        Assert.Null(world.Read(3, data));
        Assert.Null(world.Read(4, new byte[BlockBytes]));
    }

    [Fact]
    public void An_older_version_is_a_lost_or_repeated_write()
    {
        var world = new World();
        byte[] old = world.Write(3);
        world.Write(3);
        world.Write(3);
        Assert.Contains("version 1 of it, 2 older", world.Read(3, old), StringComparison.Ordinal);
    }

    [Fact]
    public void Zeroes_another_place_and_strange_data_are_named()
    {
        var world = new World();
        byte[] stranger = world.Write(9);
        byte[] own = world.Write(3);
        Assert.Contains("zeroes", world.Read(3, new byte[BlockBytes]), StringComparison.Ordinal);
        Assert.Contains($"version 1 of offset {9 * BlockBytes}: data of another place", world.Read(3, stranger), StringComparison.Ordinal);
        byte[] strange = [.. Enumerable.Repeat((byte)0xee, BlockBytes)];
        Assert.Contains("0xeeeeeeeeeeeeeeee: not data of this run", world.Read(3, strange), StringComparison.Ordinal);
        stranger.AsSpan(0, 800).CopyTo(own.AsSpan(800));
        Assert.StartsWith($"offset {(3 * BlockBytes) + 800}: ", world.Read(3, own), StringComparison.Ordinal);
    }

    [Fact]
    public void At_most_one_write_per_block_is_in_flight_and_no_read_beside_it()
    {
        var oracle = new VersionsOracle(1, BlockBytes, Blocks);
        var picker = new BlockPicker(AccessPattern.Random, Blocks, 0, 1, 1);
        Assert.Equal(5ul, oracle.Begin(picker, 5, isWrite: true));
        Assert.Equal(6ul, oracle.Begin(picker, 5, isWrite: true));
        Assert.Equal(7ul, oracle.Begin(picker, 5, isWrite: false));
        Assert.Equal(7ul, oracle.Begin(picker, 7, isWrite: false));
        Assert.Equal(8ul, oracle.Begin(picker, 7, isWrite: true));
        Assert.Null(oracle.EndRead(7, new byte[BlockBytes]));
        Assert.Equal(9ul, oracle.Begin(picker, 7, isWrite: true));
        Assert.Null(oracle.EndRead(7, new byte[BlockBytes]));
        Assert.Equal(7ul, oracle.Begin(picker, 7, isWrite: true));
    }

    [Fact]
    public void A_block_whose_write_failed_is_not_judged_until_it_is_written_again()
    {
        var world = new World();
        byte[] first = world.Write(2);
        world.Oracle.Begin(world.Picker, 2, isWrite: true);
        world.Oracle.Fail(2, isWrite: true);
        Assert.Null(world.Read(2, first));
        Assert.Equal([], world.Sweep());
        world.Write(2);
        Assert.NotNull(world.Read(2, first));
        Assert.Equal([2], world.Sweep());
    }

    [Fact]
    public void The_sweep_visits_every_written_block_once()
    {
        var world = new World();
        ulong[] written = [0, 7, 8, Blocks - 1];
        Array.ForEach(written, block => world.Write(block));
        Assert.Equal(written, world.Sweep());
    }

    [Fact]
    public void Pattern_and_zeroes_say_where_and_what()
    {
        byte[] data = new byte[BlockBytes];
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(data.AsSpan());
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = BinaryPrimitives.ReverseEndianness((2ul * BlockBytes) + ((ulong)i * 8));
        }

        var pattern = new PatternOracle(BlockBytes);
        Assert.Null(pattern.EndRead(2, data));
        Assert.Contains("offset 4096: ", pattern.EndRead(1, data), StringComparison.Ordinal);
        Assert.Contains("the data of offset 8192", pattern.EndRead(1, data), StringComparison.Ordinal);
        var zeroes = new ZeroesOracle(BlockBytes);
        Assert.Null(zeroes.EndRead(1, new byte[BlockBytes]));
        data.AsSpan().Clear();
        data[100] = 9;
        Assert.Equal("offset 4196: expected zeroes, found 0x09", zeroes.EndRead(1, data));
    }

    private sealed class World
    {
        public VersionsOracle Oracle { get; } = new(seed: 1, BlockBytes, Blocks);

        public BlockPicker Picker { get; } = new(AccessPattern.Random, Blocks, 0, 1, 1);

        public byte[] Write(ulong block)
        {
            byte[] data = new byte[BlockBytes];
            Assert.Equal(block, Oracle.Begin(Picker, block, isWrite: true));
            Oracle.Fill(block, data);
            Oracle.EndWrite(block);
            return data;
        }

        public string? Read(ulong block, byte[] data)
        {
            Assert.Equal(block, Oracle.Begin(Picker, block, isWrite: false));
            return Oracle.EndRead(block, data);
        }

        public List<ulong> Sweep()
        {
            var found = new List<ulong>();
            for (ulong block = 0; Oracle.TryNextToSweep(ref block); block++)
            {
                found.Add(block);
            }

            return found;
        }
    }
}
